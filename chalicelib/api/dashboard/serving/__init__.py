"""How pages are made and sent: templates, forms, sessions, files."""
