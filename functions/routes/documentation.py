"""API documentation, for programs and for people."""

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from flask import Response

from functions import contract, responses
from functions.routes.call import Call
from functions.wiring import Services

_FOLDER: Final = Path(__file__).parents[1] / "reference"
_INLINE: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def document(_call: Call, _wired: Services) -> Response:
    """OpenAPI document as JSON."""
    return responses.public(contract.text(), "application/json")


def page(_call: Call, _wired: Services) -> Response:
    """API reference as an HTML page, which loads the document and its renderer, RapiDoc."""
    html = _text("page.html")
    return responses.public(html, "text/html; charset=utf-8", _policy(html))


def script(_call: Call, _wired: Services) -> Response:
    """Renderer of the page. The instance sends it, since not every deployment has the project's website."""
    return responses.public(_text("rapidoc-min.js"), "text/javascript; charset=utf-8")


@cache
def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _policy(html: str) -> str:
    """Content security policy of the page: its own scripts and document, and nothing of others."""
    hashes = [b64encode(sha256(inline.encode()).digest()).decode() for inline in _INLINE.findall(html)]
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in hashes)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
