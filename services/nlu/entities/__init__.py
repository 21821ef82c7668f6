"""Pieces of information in spoken text, one type a file."""
