"""What the document says of each route besides what its code says."""
