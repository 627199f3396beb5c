"""The rules of experiments: pure functions and frozen data, standard library only."""
