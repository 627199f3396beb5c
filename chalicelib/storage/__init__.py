"""DynamoDB: the only package that knows PynamoDB, tables and attribute names."""
