"""What is told of the service itself that no use case knows."""
