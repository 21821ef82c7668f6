"""The commands: one a file, each with `register(app)`."""
