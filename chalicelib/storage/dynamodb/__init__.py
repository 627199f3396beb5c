"""The connection to DynamoDB, its tables and keys."""
