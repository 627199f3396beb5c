"""Pictures of the dashboard for the documents."""
