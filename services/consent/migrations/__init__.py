"""The consent store's Alembic revisions, the oldest first."""
