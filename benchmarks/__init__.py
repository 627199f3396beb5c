"""What the project costs and how fast it is, measured: `make bench`."""
