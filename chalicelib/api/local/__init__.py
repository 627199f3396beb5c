"""Chalice's local server, made to answer as a deployed gateway does."""
