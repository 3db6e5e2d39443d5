"""Configuration of a host, `firebase.json`, with Marquee's functions and its rewrite of Hosting."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jobs.adoption import hosting, jsontext
from jobs.adoption.errors import AdoptionError
from jobs.adoption.hostconfig import FOLDER, as_list, at, codebases, exposing, rewrites, sites, uploads_everything
from jobs.adoption.jsontext import Path

IGNORED: Final = (".*", "venv", "__pycache__", "*.log", "LICENSE", "firestore.indexes.json")
"""Names in that folder that are not deployed: the host's settings stay, since the Firebase CLI reads `.env` itself."""
_SITE_IGNORES: Final = ("firebase.json", "**/.*", "**/node_modules/**")
"""Files that the Firebase CLI keeps from a new site."""
_PUBSUB: Final = {"port": 8085}
"""Emulator that schedules need, and so a training in the emulators, at the CLI's usual port."""


@dataclass(frozen=True, slots=True)
class FirebaseJson:
    """Parts of `firebase.json` that Marquee needs.

    Attributes
    ----------
    name : path of the file, for messages.
    prefix : prefix of the functions' names.
    region : region of the function `api`.
    site : `site` or `target` of the Hosting entry with the rewrite; None for the first.
    """

    name: str
    prefix: str
    region: str
    site: str | None = None

    @property
    def ours(self) -> dict[str, Any]:
        """Parts, as a later change finds what was added."""
        return {"functions": self.entry, "function": self._function, "site": self.site}

    @property
    def entry(self) -> dict[str, Any]:
        """Codebase of Marquee's functions."""
        return {
            "source": FOLDER,
            "codebase": FOLDER,
            "prefix": self.prefix,
            "runtime": "python311",
            "ignore": list(IGNORED),
        }

    @property
    def _function(self) -> dict[str, str]:
        return {"functionId": f"{self.prefix}-api", "region": self.region}

    def holds(self, text: str) -> bool:
        """Whether the file contains the codebase and, where it has Hosting, the rewrite."""
        config = self._config(text)
        site = self._site(config)
        return (
            self.entry in [value for _, value in codebases(config)]
            and (site is None or any(rule.get("function") == self._function for rule in rewrites(config, site)))
            and "pubsub" in config.get("emulators", {})
            and all(pattern in ignores for _, ignores, pattern in exposing(config))
        )

    def insert(self, text: str) -> str:
        """File with the parts; raises `AdoptionError` where the host has others in their place."""
        config = self._config(text)
        self._check(config)
        if "functions" not in config:
            text = jsontext.with_member(text, self.name, (), "functions", [self.entry])
        else:
            if not isinstance(config["functions"], list):
                text = jsontext.as_array(text, self.name, ("functions",))
            text = jsontext.with_item(text, self.name, ("functions",), self.entry)
        site, rewrite = self._site(config), self._rewrite(config)
        if site is not None and "rewrites" not in at(config, site):
            text = jsontext.with_member(text, self.name, site, "rewrites", [rewrite])
        elif site is not None:
            # The first that fits decides, and apps of one page send all paths to it.
            text = jsontext.with_item(text, self.name, (*site, "rewrites"), rewrite, first=True)
        if "emulators" not in config:
            text = jsontext.with_member(text, self.name, (), "emulators", {"pubsub": _PUBSUB})
        elif "pubsub" not in config["emulators"]:
            text = jsontext.with_member(text, self.name, ("emulators",), "pubsub", _PUBSUB)
        for path, ignores, pattern in list(exposing(self._config(text))):
            if ignores and pattern not in ignores:
                text = jsontext.with_item(text, self.name, (*path, "ignore"), pattern)
            elif not ignores:
                text = jsontext.with_member(text, self.name, path, "ignore", [*_SITE_IGNORES, pattern])
        return text

    def notes(self, text: str) -> Iterator[str]:
        """Address of the API, and what is deployed beside what should be."""
        config = self._config(text)
        site = self._site(config)
        if site is None:
            yield "Nothing is hosted, so apps call the function by its own address."
        else:
            rule = next(rule for rule in rewrites(config, site) if rule.get("function") == self._function)
            base = str(rule.get("source", rule.get("glob", rule.get("regex")))).removesuffix("/**").removesuffix("/api")
            name = at(config, site).get("target", at(config, site).get("site"))
            of = f" of the site {name}; --site names another" if len(sites(config)) > 1 else ""
            yield f"Hosting answers at {base}/api/v1{of}."
        if uploads_everything(config):
            yield (
                "The functions of the top folder are deployed with all that it contains: give them an `ignore` with "
                f"{FOLDER!r} in it, beside what they ignore by default."
            )

    def database(self, text: str, database: str) -> dict[str, Any]:
        """Paths of the `rules` and `indexes` of a Firestore database, as far as the file names them."""
        for entry in as_list(self._config(text).get("firestore")):
            if isinstance(entry, dict) and entry.get("database", entry.get("target", "(default)")) == database:
                return {name: entry[name] for name in ("rules", "indexes") if isinstance(entry.get(name), str)}
        return {}

    def strip(self, text: str, ours: Any, before: str | None) -> str:
        """File without the parts `ours`; what they made necessary goes where it was not there `before`.

        Raises `AdoptionError` if the codebase was changed.
        """
        own = self._config(before) if before is not None else {}
        for path, entry in reversed(list(codebases(self._config(text)))):
            if entry.get("codebase") == FOLDER:
                if entry != ours["functions"]:
                    raise AdoptionError(
                        f"{self.name}: expected the codebase {json.dumps(ours['functions'])}, got {json.dumps(entry)}; "
                        "change it back, then run this again"
                    )
                text = jsontext.without(text, self.name, path if len(path) > 1 else ("functions",))
        text = self._tidied_functions(text, own)
        for site in sites(self._config(text)):
            rules = rewrites(self._config(text), site)
            for index in reversed(range(len(rules))):
                if rules[index].get("function") == ours["function"]:
                    text = jsontext.without(text, self.name, (*site, "rewrites", index))
            if at(self._config(text), site).get("rewrites") == [] and "rewrites" not in at(own, site):
                text = jsontext.without(text, self.name, (*site, "rewrites"))
        return self._without_emulator(self._without_ignores(text, own), own)

    def _tidied_functions(self, text: str, own: Mapping[str, Any]) -> str:
        left = self._config(text).get("functions")
        if left == [] and "functions" not in own:
            return jsontext.without(text, self.name, ("functions",))
        if isinstance(left, list) and len(left) == 1 and isinstance(own.get("functions"), dict):
            return jsontext.as_only_item(text, self.name, ("functions",))
        return text

    def _rewrite(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Rewrite of the site to the function, under `/api` where nothing of the host's is."""
        site = self._site(config) or ()
        rules = [*rewrites(config, site), *as_list(at(config, site).get("redirects"))]
        taken = any(isinstance(rule, dict) and hosting.takes_api(rule) for rule in rules)
        return {"source": hosting.MOUNTED if taken else hosting.API, "function": self._function}

    def _without_ignores(self, text: str, own: Mapping[str, Any]) -> str:
        for path, ignores, pattern in list(exposing(self._config(text))):
            if pattern in ignores and pattern not in as_list(at(own, path).get("ignore")):
                if "ignore" in at(own, path) or set(ignores) != {*_SITE_IGNORES, pattern}:
                    text = jsontext.without(text, self.name, (*path, "ignore", ignores.index(pattern)))
                else:
                    text = jsontext.without(text, self.name, (*path, "ignore"))
        return text

    def _without_emulator(self, text: str, own: Mapping[str, Any]) -> str:
        emulators = self._config(text).get("emulators", {})
        if emulators.get("pubsub") != _PUBSUB or "pubsub" in own.get("emulators", {}):
            return text
        only = len(emulators) == 1 and "emulators" not in own
        return jsontext.without(text, self.name, ("emulators",) if only else ("emulators", "pubsub"))

    def _check(self, config: Mapping[str, Any]) -> None:
        for _, entry in codebases(config):
            same = [key for key, value in (("codebase", FOLDER), ("prefix", self.prefix)) if entry.get(key) == value]
            if str(entry.get("source")).strip("./") == FOLDER:
                same.append("source")
            if same:
                raise AdoptionError(
                    f"{self.name}: expected functions of another {' and '.join(same)} than Marquee's, got "
                    f"{json.dumps(entry)}; rename them, or change `prefix` under [functions] in {FOLDER}/marquee.toml"
                )

    def _config(self, text: str) -> dict[str, Any]:
        config = jsontext.parse(text, self.name).value
        if not isinstance(config, dict):
            raise AdoptionError(f"{self.name}: expected an object, got {type(config).__name__}; mend the file")
        functions, emulators = config.get("functions", []), config.get("emulators", {})
        if not isinstance(functions, (dict, list)) or not all(isinstance(entry, dict) for entry in as_list(functions)):
            raise AdoptionError(
                f"{self.name}: expected an object or objects as functions, got {functions!r}; write them here"
            )
        if not isinstance(emulators, dict) or not isinstance(config.get("hosting", {}), (dict, list)):
            raise AdoptionError(f"{self.name}: expected objects as emulators and hosting; mend the file")
        return config

    def _site(self, config: Mapping[str, Any]) -> Path | None:
        """Path of the Hosting entry with the rewrite, None where nothing is hosted."""
        for path in sites(config):
            names = [at(config, path).get(key) for key in ("site", "target")]
            if self.site is None or self.site in names:
                return path
        if self.site is not None:
            raise AdoptionError(
                f"{self.name}: expected a Hosting site or target {self.site!r}, found none; check --site"
            )
        return None
