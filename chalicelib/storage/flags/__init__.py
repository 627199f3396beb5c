"""Feature flags and their exposures."""
