"""Features of Test Lab as people plan them, make them, and take them through their life."""
