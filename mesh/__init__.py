"""The shared runtime of the services: one concern a file; knows no service."""
