"""The wrapper around every view: admit, read, replay, call, render."""
