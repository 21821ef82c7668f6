"""Spanish, one kind of entity a file."""
