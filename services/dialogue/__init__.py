"""The dialogue service: holds conversations between callers and the other services."""
