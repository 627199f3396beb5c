"""Designs, flags and segments as files: pasted into a page, and downloaded."""
