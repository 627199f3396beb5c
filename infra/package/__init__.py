"""Builds what CloudFormation deploys: `python -m infra.package`, or `make package`."""
