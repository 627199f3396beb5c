"""Faults of the database, on DynamoDB Local."""
