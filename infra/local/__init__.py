"""The local server: `python -m infra.local`, or `make run`."""
