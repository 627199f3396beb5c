"""The catalogue, its changes, and what bridges the two APIs."""
