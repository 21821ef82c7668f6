"""Forgetting a contact: asked for once, done by every service, and seen to the end."""
