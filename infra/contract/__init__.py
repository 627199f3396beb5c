"""The contract test: `python -m infra.contract`, or `make contract`."""
