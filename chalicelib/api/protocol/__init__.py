"""HTTP itself: bodies and their encodings, problem details, conditional requests, CORS."""
