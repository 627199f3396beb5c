"""Designs of UpGrade as forms: drafts, edits, lists and files."""
