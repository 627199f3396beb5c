"""Values of requests, whichever API they are sent to."""
