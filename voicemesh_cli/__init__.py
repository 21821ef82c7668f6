"""The command line tool: runs the embedded mesh and talks to any mesh."""
