"""Designs as administrators send and see them."""
