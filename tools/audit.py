"""Audit of pinned packages: known vulnerabilities by the database of osv.dev: `python -m tools.audit`."""

import argparse
import http.client
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tools.emulators.programs import ROOT

FILES: Final = (
    "requirements.txt",
    "requirements-jobs.txt",
    "requirements-dev.txt",
    "requirements-duckdb.txt",
    "requirements-spark.txt",
    "requirements-deep.txt",
    "benchmarks/requirements.txt",
)
"""Files with pinned packages."""

_DATABASE: Final = "https://api.osv.dev/v1/querybatch"
_TIMEOUT_S: Final = 30.0
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the audit; returns the exit status: 1 if a package has a known vulnerability.

    Where the database cannot be reached, the audit is skipped with a word and passes.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tools.audit", description="Look up known vulnerabilities of all pinned packages."
    )
    parser.add_argument("--database", default=_DATABASE, help="address of the database (default: %(default)s)")
    given = parser.parse_args(arguments)
    pinned = pins((ROOT / name).read_text(encoding="utf-8") for name in FILES)
    try:
        found = vulnerabilities(pinned, _answer(given.database, query(pinned)))
    except (OSError, http.client.HTTPException, ValueError) as error:
        print(f"skipped: {given.database} cannot be asked about {len(pinned)} packages: {error}", file=sys.stderr)
        return 0
    for package, ids in found.items():
        print(f"{package}=={pinned[package]}: {', '.join(ids)}; see https://osv.dev/{ids[0]}")
    print(f"{len(pinned)} packages, {len(found)} of them with known vulnerabilities")
    return 1 if found else 0


def pins(texts: Iterable[str]) -> dict[str, str]:
    """Version of each package that requirement files pin.

    >>> pins(["flask==3.1.3  # via app", "uvicorn[standard]==0.5 ; python_version > '3'"])
    {'flask': '3.1.3', 'uvicorn': '0.5'}
    """
    return {name: version for text in texts for name, version in _PIN.findall(text)}


def query(pinned: Mapping[str, str]) -> bytes:
    """Body of a query about packages, in their order."""
    queries = [{"package": {"name": name, "ecosystem": "PyPI"}, "version": version} for name, version in pinned.items()]
    return json.dumps({"queries": queries}).encode()


def vulnerabilities(pinned: Mapping[str, str], answer: Any) -> dict[str, list[str]]:
    """Ids of the vulnerabilities of each package that has any; raises `ValueError` for what is no answer."""
    results = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(results, list) or len(results) != len(pinned):
        raise ValueError(f"expected a result for each of {len(pinned)} packages, got {str(answer)[:200]}")
    try:
        ids = [[str(entry["id"]) for entry in (result or {}).get("vulns") or ()] for result in results]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"expected results with ids of vulnerabilities, got {str(answer)[:200]}") from error
    return {name: found for name, found in zip(pinned, ids, strict=True) if found}


def _answer(address: str, body: bytes) -> Any:
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})  # noqa: S310  # an option
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310  # the same
        return json.loads(response.read())


if __name__ == "__main__":
    sys.exit(main())
