"""What surrounds every call: one concern a file, put together in `mesh.server`."""
