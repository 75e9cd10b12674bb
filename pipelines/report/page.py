"""Puts data, style and scripts into one HTML file that asks nobody for anything.

The charts are drawn by a few hundred lines of plain JavaScript: a chart library is ten to a
hundred times as large, and none draws these. Page texts are hostile: they travel as
JSON that cannot end its element, scripts show them as text only, and the page's own policy forbids
every script and style but those whose digest it names.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

_SCRIPTS = (
    "data", "dom", "scale", "overview", "flow", "rules", "decide", "panel", "changed", "overlap",
    "shapes", "languages", "bars", "examples", "start",
)  # fmt: skip
"""In the order in which they are read; together they are one script."""
_HARMFUL = "<>&\u2028\u2029"


def assemble(data: Mapping[str, Any]) -> bytes:
    """Return the page with the data in it, as UTF-8."""
    assets = files("pipelines.report") / "assets"
    style = (assets / "report.css").read_text("utf-8")
    script = "\n".join((assets / f"{name}.js").read_text("utf-8") for name in _SCRIPTS)
    script = f"(() => {{\n'use strict';\n{script}\n}})();\n"
    parts = {
        "{{policy}}": (
            f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
            "img-src data:; base-uri 'none'; form-action 'none'"
        ),
        "{{style}}": style,
        "{{data}}": as_json(data),
        "{{script}}": script,
    }
    return filled("report.html", parts)


def assemble_static(page: str, styles: Sequence[str], parts: Mapping[str, str]) -> bytes:
    """Return a page without scripts, as UTF-8; `parts` are HTML already, by their marks."""
    assets = files("pipelines.report") / "assets"
    style = "\n".join((assets / name).read_text("utf-8") for name in styles)
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    return filled(page, {"{{policy}}": policy, "{{style}}": style, **parts})


def filled(name: str, parts: Mapping[str, str]) -> bytes:
    """Return an asset with parts at their marks, as UTF-8; what a part holds is no mark."""
    page = (files("pipelines.report") / "assets" / name).read_text("utf-8")
    done = ""
    for mark, part in parts.items():
        before, _, page = page.partition(mark)
        done += before + part
    return (done + page).encode("utf-8")


def as_json(data: Mapping[str, Any]) -> str:
    """Return JSON that may stand in a `script` element, whatever is in it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in _HARMFUL:
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
