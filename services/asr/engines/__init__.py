"""The engines: one vendor a file, each with `create(settings)`."""
