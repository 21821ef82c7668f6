"""The revisions of the gateway's tables."""
