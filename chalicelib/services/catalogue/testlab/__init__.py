"""Features of Test Lab in people's hands: shown whole, made whole, taken from step to step."""
