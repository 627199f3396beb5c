"""Pages as a browser loads them, and forms as it sends them, without a browser."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin

from tests.http import Answer, Gateway

HOST = "dashboard.test"
FORM = {
    "content-type": "application/x-www-form-urlencoded",
    "origin": f"https://{HOST}",
    "host": HOST,
}


WITHOUT_END = {"input", "meta", "link", "br", "hr", "img"}


class _Reader(HTMLParser):
    """Collects what tests ask of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.fields: dict[str, str] = {}
        self.testids: dict[str, list[str]] = {}
        self._open: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        if tag in ("input", "textarea", "select") and found.get("name"):
            self.fields[str(found["name"])] = str(found.get("value") or "")
        testid = found.get("data-testid")
        if testid:
            self.testids.setdefault(testid, []).append("")
        if tag not in WITHOUT_END:
            self._open.append(testid)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in WITHOUT_END:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - pages are well-formed
        if self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())
            for testid in filter(None, self._open):
                self.testids[testid][-1] += data


class Seen:
    """A page that was loaded: its text, links, fields of forms, and parts by `data-testid`."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.status = answer.status
        reader = _Reader()
        reader.feed(answer.text)
        self.text = " ".join(reader.texts)
        self.links = reader.links
        self.fields = reader.fields
        self.testids = {
            name: [" ".join(text.split()) for text in texts]
            for name, texts in reader.testids.items()
        }


def load(gateway: Gateway, path: str, **headers: str) -> Seen:
    """Load a page."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Seen(gateway.send("GET", path, headers=sent))


def submit(gateway: Gateway, path: str, fields: dict[str, str], **headers: str) -> Seen:
    """Send a form, and load the page that it leads to."""
    sent = {**FORM, **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = gateway.send("POST", path, headers=sent, raw=urlencode(fields).encode())
    if answer.status != 303:
        return Seen(answer)
    place = urljoin(f"https://{HOST}{path}", answer.headers["location"])
    more = {"cookie": headers["cookie"]} if "cookie" in headers else {}
    return load(gateway, place.removeprefix(f"https://{HOST}"), **more)
