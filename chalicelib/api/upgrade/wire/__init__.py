"""What all requests and answers of this API share."""
