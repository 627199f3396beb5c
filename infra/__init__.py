"""What runs and deploys the project; not part of the deployed package."""
