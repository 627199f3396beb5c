"""Planning of experiments: the calculator, and the form of a plan of results."""
