"""Alembic revisions of the dialogue's tables."""
