"""Check of a deployment's invokers: only `api` may be open to everybody: `python -m tools.check_deployment`.

Cloud Run checks the caller of the other functions by IAM and removes the token's signature, so that they cannot check
it again: who may invoke them may train, reconcile, and write into anybody's history.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from functions.wiring import read_config
from shared.errors import SettingsError
from shared.schema import FunctionsSchema, Schema
from tools.emulators.programs import ROOT

PUBLIC: Final = frozenset({"allUsers", "allAuthenticatedUsers"})
"""Members that stand for everybody: with and without an account of Google, whoever that is."""

UNCHECKED: Final = "run.googleapis.com/invoker-iam-disabled"
"""Annotation of a service that Cloud Run lets everybody invoke: Google's other way to make one public."""

_TIMEOUT_S: Final = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the check; returns the exit status: 1 if a private function is open, 2 if it cannot be told."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.check_deployment",
        description="Fail if everybody may invoke a function other than `api`.",
    )
    parser.add_argument(
        "policies",
        nargs="*",
        type=Path,
        metavar="SERVICE.json",
        help="output of `gcloud run services get-iam-policy SERVICE --format=json`, and of `describe` likewise, in "
        "files named after the service up to the first dot (default: gcloud is asked for every private function)",
    )
    parser.add_argument("--project", help="project of the deployment (default: gcloud's)")
    parser.add_argument("--region", help="region of the functions (default: that of functions.yaml)")
    given = parser.parse_args(arguments)
    problems: dict[str, list[str]] = {}
    described: set[str] = set()
    try:
        names = Schema.parse(read_config(os.environ.get("MARQUEE_CONFIG", ""))).functions
        regions = private_functions(yaml.safe_load((ROOT / "functions.yaml").read_text(encoding="utf-8")), names)
        for service, document in _documents(given, regions):
            place = f"--region={given.region or regions.get(service, 'REGION')}"
            place += f" --project={given.project}" if given.project else ""
            found = problems.setdefault(service, [])
            if is_description(document):
                described.add(service)
                if is_unchecked(document):
                    command = f"gcloud run services update {service} {place} --invoker-iam-check"
                    found.append(f"{service}: Cloud Run does not check who invokes it; run `{command}`")
                continue
            for member, role in public_grants(document):
                found.append(f"{service}: {member} has {role}; {remedy(service, member, role, place)}")
    except (ValueError, OSError, subprocess.SubprocessError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for service, found in problems.items():
        closed = (
            "closed" if service in described else "closed, if Cloud Run checks its invokers: give its description, too"
        )
        print(f"{service}: {'OPEN to everybody' if found else closed}")
        for problem in found:
            print(problem, file=sys.stderr)
    return 1 if any(problems.values()) else 0


def private_functions(manifest: Mapping[str, Any], names: FunctionsSchema) -> dict[str, str]:
    """Region of each function of `functions.yaml` that is started by a schedule or an event, by its deployed name."""
    return {
        names.deployed(name): endpoint["region"][0]
        for name, endpoint in manifest["endpoints"].items()
        if "httpsTrigger" not in endpoint
    }


def public_grants(policy: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Members that stand for everybody and the roles that they have, whatever the role and its condition.

    Raises `ValueError` for what is no IAM policy.

    >>> public_grants({"bindings": [{"role": "roles/run.invoker", "members": ["allUsers", "user:ann@example.com"]}]})
    [('allUsers', 'roles/run.invoker')]
    """
    bindings = policy.get("bindings", [])
    if not isinstance(bindings, list) or not all(isinstance(binding, dict) for binding in bindings):
        raise ValueError(f"expected an IAM policy with a list of bindings, got {str(policy)[:200]}")
    found = []
    for binding in bindings:
        role, members = binding.get("role"), binding.get("members", [])
        if not isinstance(role, str) or not isinstance(members, list):
            raise ValueError(f"expected a binding with a role and members, got {str(binding)[:200]}")
        # Google's names are case-insensitive in policies that people write.
        found += [(member, role) for member in members if f"{member}".lower() in {name.lower() for name in PUBLIC}]
    return found


def is_description(document: Mapping[str, Any]) -> bool:
    """Whether a document describes a service, and is no IAM policy, which has no metadata."""
    return "metadata" in document


def is_unchecked(description: Mapping[str, Any]) -> bool:
    """Whether Cloud Run lets everybody invoke a service whatever its policy; raises `ValueError` for no description.

    >>> is_unchecked({"metadata": {"annotations": {"run.googleapis.com/invoker-iam-disabled": "true"}}})
    True
    """
    metadata = description["metadata"]
    annotations = metadata.get("annotations", {}) if isinstance(metadata, dict) else None
    if not isinstance(annotations, dict):
        raise ValueError(f"expected the description of a service with annotations, got {str(description)[:200]}")
    return str(annotations.get(UNCHECKED, "false")).lower() != "false"


def remedy(service: str, member: str, role: str, place: str) -> str:
    """Command that takes a role from a member."""
    return f"run `gcloud run services remove-iam-policy-binding {service} {place} --member={member} --role={role}`"


def _documents(given: argparse.Namespace, regions: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Policy and description of each service, from files or from gcloud."""
    for path in given.policies:
        yield path.name.partition(".")[0], _parsed(path.read_bytes(), str(path))
    if given.policies:
        return
    for service, region in regions.items():
        for verb in ("get-iam-policy", "describe"):
            command = ["gcloud", "run", "services", verb, service, f"--region={given.region or region}"]
            command += ["--format=json", *([f"--project={given.project}"] if given.project else [])]
            try:
                done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
            except FileNotFoundError as error:
                raise OSError("gcloud is not installed; save the policies elsewhere and name the files") from error
            if done.returncode:
                raise OSError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
            yield service, _parsed(done.stdout, " ".join(command))


def _parsed(data: bytes, name: str) -> dict[str, Any]:
    try:
        policy = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: expected the JSON of an IAM policy or of a service, got {data[:80]!r}") from error
    if not isinstance(policy, dict) or not policy:
        raise ValueError(f"{name}: expected the JSON of an IAM policy or of a service, got {data[:80]!r}")
    return policy


if __name__ == "__main__":
    sys.exit(main())
