"""What pages for people show of both APIs."""
