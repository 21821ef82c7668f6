"""The services of the mesh: each a process, each a folder with the same files."""
