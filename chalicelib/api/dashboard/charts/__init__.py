"""Charts and tables of results: where marks are drawn, and the texts beside them."""
