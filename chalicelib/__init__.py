"""Switchyard: A/B tests and feature flags, serverless."""
