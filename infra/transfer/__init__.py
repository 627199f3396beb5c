"""Moves running experiments from another backend, with every participant's condition."""
