"""Experiments, flags, segments and lists with all that the answers of administration show."""
