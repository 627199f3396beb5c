"""What pages load: /dashboard/assets."""

from __future__ import annotations

from chalicelib.api.dashboard.serving.dialect import DIALECT
from chalicelib.api.dashboard.serving.static_files import TYPES, files
from chalicelib.api.http.access import OPEN
from chalicelib.api.http.rendering import Rendered
from chalicelib.api.http.routes import Routes
from chalicelib.domain.errors import NotFound

KEEP = "public, max-age=31536000, immutable"
"""Another version has another name."""

routes = Routes(__name__, DIALECT, OPEN)


@routes.endpoint("/dashboard/assets/{name}")
def dashboard_asset(name: str) -> Rendered[str]:
    """A style or a script of the pages."""
    path = files().get(name)
    if path is None:
        raise NotFound("There is no such file: the page that names it is of another version.")
    headers = {"Content-Type": TYPES[path.suffix], "Cache-Control": KEEP}
    return Rendered(
        path.read_text(encoding="utf-8"), {**headers, "X-Content-Type-Options": "nosniff"}
    )
