"""The sessions of the README give what they show."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shlex
from pathlib import Path
from typing import Any

import requests

README = Path(__file__).parents[2] / "README.md"
EXAMPLE = re.compile(r"^\$ (curl .*)\n((?:(?!\$ |```).*\n)*)", re.MULTILINE)
PROGRAM = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
TIME = re.compile(r'"time_stamp":"[^"]*"')


def curl(command: str, url: str) -> requests.Response:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-i", action="store_true")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    options = parser.parse_args(shlex.split(command.split(" | ")[0])[1:])
    return requests.request(
        "POST" if options.d else "GET",
        options.address.replace("localhost:8000", url),
        data=options.d,
        headers=dict(header.split(": ") for header in options.H),
        timeout=10,
    )


def test_the_first_session(start_server: Any) -> None:
    url = start_server(DEMO_DATA="1", TABLE_PREFIX="switchyard-readme").url
    examples = EXAMPLE.findall(README.read_text())
    assert len(examples) == 14
    for command, shown in examples:
        answer = curl(command, url)
        if "python3 -c" in command:
            names = [feature["name"] for feature in answer.json()["experiments"]]
            assert shown.strip() == str(names)
        elif "grep -o" in command:
            assert shown.strip() in answer.text
        elif " -i " in command:
            detail = f"X-Error-Detail: {answer.headers['X-Error-Detail']}"
            assert shown.strip().splitlines() == [detail, answer.text]
        else:
            assert TIME.sub("", shown.strip()) == TIME.sub("", answer.text)
            json.loads(shown)
    (program,) = PROGRAM.findall(README.read_text())
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program.replace("http://localhost:8000", url), {})  # noqa: S102 - the README's own
    (comment,) = re.findall(r"print\(.*\)  # (\w+)", program)
    assert printed.getvalue().strip() == comment
