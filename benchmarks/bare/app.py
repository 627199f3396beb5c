"""Chalice, PynamoDB and pydantic, with one route and one table."""

from __future__ import annotations

from chalice.app import Chalice
from pydantic import BaseModel
from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model


class Thing(Model):
    """The one item."""

    class Meta:
        table_name = "bare-things"
        region = "us-east-1"

    pk = UnicodeAttribute(hash_key=True)


class Answer(BaseModel):
    """The one answer."""

    pk: str


app = Chalice(app_name="bare", configure_logs=False)
# The client is made now, as the application makes its own.
_ = Thing._get_connection().connection.client


@app.route("/thing")
def thing() -> dict[str, str]:
    """Read the item."""
    found = next(iter(Thing.query("a", consistent_read=True)), None)
    return Answer(pk=found.pk if found else "none").model_dump()
