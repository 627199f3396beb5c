"""Simulations of whole experiments on the product itself: how often its verdicts are wrong."""
