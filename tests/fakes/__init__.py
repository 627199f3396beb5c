"""In-memory stores in place of those on DynamoDB, by subject."""
