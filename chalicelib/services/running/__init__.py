"""What every use case runs on: the catalogue, retries, locks by key, the budget of a request."""
