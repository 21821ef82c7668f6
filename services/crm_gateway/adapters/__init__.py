"""Stores and business systems, one a file."""
