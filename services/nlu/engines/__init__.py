"""Engines of understanding, one a file."""
