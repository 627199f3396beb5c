"""Segments and lists: who is in, and who is not."""
