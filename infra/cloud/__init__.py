"""What plain `chalice deploy` cannot make: `python -m infra.cloud`, or `make cloud`."""
