"""The wrapper around every view."""
