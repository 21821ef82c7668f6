"""The dialogue's neighbours: one service or store a file."""
