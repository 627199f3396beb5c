"""Answers that have an end: sizes, pages and cursors."""
