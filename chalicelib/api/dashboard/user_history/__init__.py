"""A user's records as a history for people, and as a file."""
