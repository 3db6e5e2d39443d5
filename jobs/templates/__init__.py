"""Templates of the files that `jobs.render` writes: files of their own languages, with `@name` where a name differs."""

from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent


class _Names(Template):
    """Template of a language in which `$` has a meaning of its own."""

    delimiter = "@"


def filled(template: str, **names: str) -> str:
    """Text of a template with its names; raises `KeyError` for one that is not given."""
    return _Names((_FOLDER / template).read_text(encoding="utf-8")).substitute(names)
