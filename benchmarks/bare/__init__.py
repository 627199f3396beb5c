"""The least that a function on the same libraries can be: what start-up is compared with."""
