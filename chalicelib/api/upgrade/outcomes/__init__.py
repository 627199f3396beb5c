"""What clients log, the metrics that name it, and the results of queries."""
