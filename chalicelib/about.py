"""What the service says of itself; a test holds it against pyproject.toml."""

from __future__ import annotations

NAME = "switchyard"
VERSION = "0.1.0"
DESCRIPTION = "A/B tests and feature flags in your own AWS account, serverless."
