"""Makes the OpenAPI document of what the application publishes.

`document` puts it together from the routes (`api/http/routes.py` keeps a list of them), from the
types of their views, and from what those do not say: the shapes of UpGrade's answers (`*_shapes`),
examples, and which refusals to expect (`routes`).
"""
