"""Makes, lists and revokes the API keys of a stage."""
