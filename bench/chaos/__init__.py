"""Whether calls' outcomes survive: real processes are killed at random while a business system misbehaves."""
