"""Test Lab's features, variants, user blocks, users, events and totals."""
