"""Parts of a host's `firebase.json`, whichever of its forms they have."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jobs.adoption.jsontext import Path

FOLDER: Final = "marquee"
"""Folder of the functions in the host's project, and the name of their codebase."""


def as_list(value: Any) -> list[Any]:
    """List of what the file may give as one or several."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def at(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Object at a path, an empty one where there is none."""
    value: Any = config
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return {}
    return value if isinstance(value, dict) else {}


def codebases(config: Mapping[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Codebases of functions and their paths."""
    functions = config.get("functions")
    if isinstance(functions, dict):
        yield ("functions",), functions
    for index, entry in enumerate(functions if isinstance(functions, list) else ()):
        yield ("functions", index), entry


def sites(config: Mapping[str, Any]) -> list[Path]:
    """Paths of the sites of Hosting."""
    found = config.get("hosting")
    if isinstance(found, list):
        return [("hosting", index) for index, site in enumerate(found) if isinstance(site, dict)]
    return [("hosting",)] if isinstance(found, dict) else []


def rewrites(config: Mapping[str, Any], site: Path) -> list[dict[str, Any]]:
    """Rewrites of a site; an empty one in the place of what is no object."""
    return [rule if isinstance(rule, dict) else {} for rule in as_list(at(config, site).get("rewrites"))]


def exposing(config: Mapping[str, Any]) -> Iterator[tuple[Path, list[Any], str]]:
    """Sites and codebases whose folder contains Marquee's: their path, ignored patterns, and the one that they need."""
    for path in sites(config):
        if _is_top(at(config, path).get("public")):
            yield path, as_list(at(config, path).get("ignore")), f"{FOLDER}/**"
    for path, entry in codebases(config):
        # Without a list of its own, the CLI ignores what suits the runtime: a list would end that.
        if _is_top(entry.get("source")) and isinstance(entry.get("ignore"), list):
            yield path, entry["ignore"], FOLDER


def uploads_everything(config: Mapping[str, Any]) -> bool:
    """Whether a codebase is the top folder and has no list of its own of what is not deployed."""
    return any(_is_top(entry.get("source")) and "ignore" not in entry for _, entry in codebases(config))


def _is_top(folder: Any) -> bool:
    return isinstance(folder, str) and folder.strip("/") in (".", "")
