"""Keys, roles, tokens of clients, and requests that are sent again."""
