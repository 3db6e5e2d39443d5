"""API reference page: the OpenAPI document rendered as HTML."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any, Final

from functions.schemas import Schema, expected

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-top: 1px solid #8886; padding-top: 1rem; font-size: 1.1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
pre { overflow-x: auto; padding: 0.75rem; background: #8881; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid #8883; }
"""


def page(document: Schema) -> str:
    """API reference as a self-contained HTML page, with an inline style and nothing to load."""
    info = document["info"]
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title>",
        f'<meta name=viewport content="width=device-width"><style>{_STYLE}</style>',
        f"<h1>{escape(info['title'])}</h1>{_paragraphs(info['description'])}",
        "<p>For programs: <a href=openapi.json>openapi.json</a></p>",
    ]
    base = document["servers"][0]["url"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            parts += _operation(f"{method.upper()} {base}{path}", operation, document["security"])
    return "\n".join(parts)


def _operation(heading: str, operation: Schema, security: list[dict[str, list[str]]]) -> Iterator[str]:
    yield f"<h2 id={operation['operationId']}><code>{escape(heading)}</code></h2>"
    yield f"<p>{escape(operation['summary'])}</p>{_paragraphs(operation.get('description', ''))}"
    yield f"<p><em>{escape(_access(operation.get('security', security)))}</em></p>"
    if parameters := operation.get("parameters"):
        rows = (
            (parameter["name"], parameter.get("required", False), parameter["schema"], parameter["description"])
            for parameter in parameters
        )
        yield _table("parameter", rows)
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        required = schema.get("required", ())
        fields = ((name, name in required, field, field["description"]) for name, field in schema["properties"].items())
        yield _table("field of the body", fields)
    for status, answer in operation["responses"].items():
        yield f"<p><strong>{escape(status)}</strong> {escape(answer['description'])}</p>"
        for media in answer.get("content", {}).values():
            if "example" in media:
                yield f"<pre>{escape(json.dumps(media['example'], indent=2, ensure_ascii=False))}</pre>"


def _access(security: list[dict[str, list[str]]]) -> str:
    roles = [role for requirement in security for role in requirement.get("idToken", ())]
    if not security:
        return "Public."
    if roles:
        return f"Needs an ID token with the claim {' or '.join(roles)}."
    if {} in security:
        return "With the user's ID token, or without a token as a user without a history."
    return "Needs the user's ID token."


def _table(what: str, rows: Iterator[tuple[str, bool, Schema, str]] | Any) -> str:
    lines = [f"<table><tr><th>{what}<th>value<th>meaning"]
    for name, is_required, schema, description in rows:
        default = f"; {schema['default']} by default" if "default" in schema else ""
        needed = "<br>required" if is_required else ""
        accepted = escape(expected(schema) + default)
        lines.append(f"<tr><td><code>{escape(name)}</code>{needed}<td>{accepted}<td>{escape(description)}")
    return "\n".join([*lines, "</table>"])


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part)
