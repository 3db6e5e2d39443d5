"""Settings: the configuration of a process as a frozen value, read once from `marquee.toml` and environment variables.

The file names what a deployment consists of, see `schema.py`; variables say how it works. Names of variables must not
begin with FIREBASE_, X_GOOGLE_, EXT_ or KIT_: the Firebase CLI refuses those.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Final, Self
from zoneinfo import available_timezones

from shared.entities.alert import ALERT_RULES, THRESHOLDS
from shared.entities.experiment import MAX_EXPLORATION
from shared.entities.prices import Prices
from shared.errors import SettingsError
from shared.schema import Schema

_PREFIX: Final = "MARQUEE_"
"""Beginning of the names of all settings."""
_LETTERS: Final = frozenset(_PREFIX)
_ENOUGH_LETTERS: Final = 5
"""Letters of the prefix, at least, at the beginning of a name that may be a setting with a misspelt prefix."""
_UNSPELT: Final = re.compile(r"[\W_]+")
"""Characters in misspelt names for underscores: hyphens, dots, white space, marks that cannot be seen."""
_OF_TESTS: Final = f"{_PREFIX}E2E_"
"""Beginning of the names that only the end-to-end tests read, whose environment the tested program inherits."""
_EMULATED: Final = "FUNCTIONS_EMULATOR"
"""Variable that the emulator of the Firebase CLI sets to true."""
_ON_GOOGLE_CLOUD: Final = (
    "K_CONFIGURATION",
    *(f"CLOUD_RUN_{name}" for name in ("JOB", "EXECUTION", "TASK_INDEX", "TASK_ATTEMPT", "TASK_COUNT")),
    *("CLOUD_RUN_WORKER_POOL", "CLOUD_RUN_WORKER_POOL_REVISION"),
    *(f"GAE_{name}" for name in ("APPLICATION", "DEPLOYMENT_ID", "ENV", "INSTANCE", "RUNTIME", "SERVICE", "VERSION")),
)
"""Variables that only Google Cloud sets: for services, jobs and worker pools of Cloud Run, and on App Engine.

What runs there has no disk that lasts. Machines of Compute Engine have one, and count as any other machine.
"""
_ON_CLOUD_RUN_OR_EMULATED: Final = ("K_SERVICE", "K_REVISION")
"""Variables of Cloud Run's services that the emulator of the Firebase CLI sets as well."""
_MOST_USD: Final = 1_000_000.0
"""Greatest price that is accepted, US dollars."""
ASSUMED_HOURS: Final = 3.0
"""Length of an event whose end is unknown, hours."""

_EMULATOR_VARIABLES: Final = (
    "FIRESTORE_EMULATOR_HOST",
    "FIREBASE_AUTH_EMULATOR_HOST",
    "FIREBASE_STORAGE_EMULATOR_HOST",
    "STORAGE_EMULATOR_HOST",
)

_EMULATED_BY: Final = {"firestore": "FIRESTORE_EMULATOR_HOST", "gs": "STORAGE_EMULATOR_HOST"}
"""Variable that leads a kind of store to its emulator."""

_NAMED: Final = {"firestore": "a project's id (marquee.toml names a database of it)", "gs": "a bucket's name"}
"""Kinds of stores that are no file or folder."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
"""Characters of projects and buckets; Google says which names exist."""
_SERVICE_ACCOUNT = re.compile(r"[a-z0-9._-]+@(?:[a-z0-9-]+\.)*gserviceaccount\.com")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one process.

    Attributes
    ----------
    documents : store of documents, `sqlite:PATH` or `firestore:PROJECT` (MARQUEE_DOCUMENTS).
    objects : store of models and the ledger, `folder:PATH` or `gs:BUCKET` (MARQUEE_OBJECTS).
    require_auth : whether a user's data needs that user's ID token (MARQUEE_AUTH, `firebase` or `off`);
        `off` is refused on Google Cloud.
    refresh_s : seconds between checks for a newer model and changed events, 1..3600 (MARQUEE_REFRESH_S).
    deadline_s : seconds that a request waits for a store before it continues without the store, 0.05..60
        (MARQUEE_DEADLINE_S).
    project : Google Cloud project whose ID tokens are accepted, "" where there is none.
    model : model to train, the champion: `blend`, `svd` or `popularity` (MARQUEE_MODEL).
    origins : web origins besides its own that browsers may call the API from (CORS; MARQUEE_ORIGINS, separated by
        commas).
    admins : e-mail addresses of the service accounts that may call the API as admins, in lower case (MARQUEE_ADMINS,
        separated by commas).
    require_app_check : whether callers must prove by App Check to be the deployment's own app (MARQUEE_APP_CHECK,
        `off` or `on`).
    half_life_days : half-life of an interaction's confidence in days, 1..3650 (MARQUEE_HALF_LIFE_DAYS).
    challengers_s : seconds that a training spends on challengers, which are the models other than `model`, 0..1200
        (MARQUEE_CHALLENGERS_S).
    timezone : IANA name of the time zone of events that name none, "" for the solar time at their location
        (MARQUEE_TIMEZONE).
    assumed_hours : length of events whose end is unknown, hours, 0..24 (MARQUEE_ASSUMED_HOURS).
    has_friends : whether lists show that mutual friends go to an event (MARQUEE_FRIENDS, `off` or `on`).
    exploration : share of the slots of recommendations that are given to events with little feedback, drawn by chance,
        0..0.5 (MARQUEE_EXPLORATION).
    keep_days : whole days after which interactions expire, 30..36500 (MARQUEE_KEEP_DAYS); None keeps all.
    thresholds : thresholds by name of the alert, of `ALERT_RULES`, without those that are off (MARQUEE_ALERTS, such as
        `errors=0.02,drift=off`).
    prices : prices of Google Cloud in US dollars (MARQUEE_PRICES, such as `reads=0.03,writes=0.09`).
    schema : names of functions, collections and fields (`marquee.toml`, or the file at MARQUEE_CONFIG).
    """

    documents: str = "sqlite:.marquee/documents.db"
    objects: str = "folder:.marquee/bucket"
    require_auth: bool = True
    refresh_s: float = 30.0
    deadline_s: float = 2.0
    project: str = ""
    model: str = "blend"
    half_life_days: float = 90.0
    challengers_s: float = 60.0
    timezone: str = ""
    assumed_hours: float = ASSUMED_HOURS
    keep_days: int | None = None
    origins: tuple[str, ...] = ()
    admins: tuple[str, ...] = ()
    require_app_check: bool = False
    has_friends: bool = False
    exploration: float = 0.0
    thresholds: Mapping[str, float] = field(default_factory=lambda: THRESHOLDS)
    prices: Prices = field(default_factory=Prices)
    schema: Schema = field(default_factory=Schema)

    @classmethod
    def from_environ(
        cls,
        environ: Mapping[str, str],
        *,
        read_config: Callable[[str], str],
        documents: Collection[str],
        objects: Collection[str],
        local: Collection[str],
        models: Collection[str],
    ) -> Self:
        """Settings from environment variables and a file; raises `SettingsError` naming what cannot be used.

        A variable or key of this program's that it does not know is refused as well: it is misspelt.

        Parameters
        ----------
        read_config : text of the file at a path, for "" of the `marquee.toml` of the deployment.
        documents, objects : kinds of stores that can be opened, see `adapters/stores.py`.
        local : those of them that keep their data on this machine, which Google Cloud refuses.
        models : names of models that can be trained, see `models/registry.py`.
        """
        is_production, is_emulated = is_on_google_cloud(environ), environ.get(_EMULATED) == "true"
        if is_production:
            _refuse_emulators(environ)
        environ = _Known(environ)
        refused = local if is_production else ()
        default = cls()
        require_auth = _option(environ, "MARQUEE_AUTH", ("firebase", "off"), "firebase") == "firebase"
        if is_production and not require_auth:
            raise SettingsError("MARQUEE_AUTH: 'off' is for local use; remove it from the deployed function")
        on_firebase = is_production or is_emulated
        settings = cls(
            documents=_store(environ, "MARQUEE_DOCUMENTS", documents, refused)
            or (f"firestore:{_required_project(environ)}" if on_firebase else default.documents),
            objects=_store(environ, "MARQUEE_OBJECTS", objects, refused)
            or (_bucket(environ) if on_firebase else default.objects),
            require_auth=require_auth,
            refresh_s=_number(environ, "MARQUEE_REFRESH_S", 1, 3600, default.refresh_s),
            deadline_s=_number(environ, "MARQUEE_DEADLINE_S", 0.05, 60, default.deadline_s),
            project=_project(environ),
            model=_option(environ, "MARQUEE_MODEL", models, default.model),
            half_life_days=_number(environ, "MARQUEE_HALF_LIFE_DAYS", 1, 3650, default.half_life_days),
            challengers_s=_number(environ, "MARQUEE_CHALLENGERS_S", 0, 1200, default.challengers_s),
            timezone=_timezone(environ, "MARQUEE_TIMEZONE"),
            assumed_hours=_number(environ, "MARQUEE_ASSUMED_HOURS", 0, 24, default.assumed_hours),
            keep_days=_days(environ, "MARQUEE_KEEP_DAYS", 30, 36_500),
            origins=_origins(environ, "MARQUEE_ORIGINS"),
            admins=_admins(environ, "MARQUEE_ADMINS"),
            require_app_check=_option(environ, "MARQUEE_APP_CHECK", ("off", "on"), "off") == "on",
            has_friends=_option(environ, "MARQUEE_FRIENDS", ("off", "on"), "off") == "on",
            exploration=_number(environ, "MARQUEE_EXPLORATION", 0, MAX_EXPLORATION, default.exploration),
            thresholds=_thresholds(environ, "MARQUEE_ALERTS"),
            prices=_prices(environ, "MARQUEE_PRICES"),
            schema=Schema.parse(read_config(environ.get("MARQUEE_CONFIG", ""))),
        )
        check_emulated(settings.documents, environ, "MARQUEE_DOCUMENTS")
        check_emulated(settings.objects, environ, "MARQUEE_OBJECTS")
        environ.refuse_unknown()
        return settings


class _Known(Mapping[str, str]):
    """Environment that remembers which variables were asked for: those are the ones that the program knows.

    Values come without the white space around them, which quotes or a line's end of a file leave there.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self._asked.add(name)
        return self._environ[name].strip()

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

    def refuse_unknown(self) -> None:
        """Raise `SettingsError` for a variable with a value and a name that can only be a misspelt one of ours."""
        known = sorted(name for name in self._asked if name.startswith(_PREFIX))
        for name, value in self._environ.items():
            if not value.strip() or name in known or name.startswith(_OF_TESTS):
                continue
            spelt = _UNSPELT.sub("_", name.upper()).strip("_").removeprefix("EXPORT_")
            has_prefix = spelt.startswith(_PREFIX)
            if not has_prefix and len(_LETTERS.intersection(spelt[: len(_PREFIX)])) < _ENOUGH_LETTERS:
                continue
            # No start that goes well needs it.
            from difflib import get_close_matches

            # Other programs have variables whose names begin in a similar way.
            [*close] = get_close_matches(spelt, known, 1, 0.7 if has_prefix else 0.85)
            if has_prefix or close:
                meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
                shown = name if name.isprintable() and " " not in name else repr(name)
                raise SettingsError(f"{shown}: expected a known setting, got an unknown one; {meant}")


def given_settings(environ: Mapping[str, str]) -> list[str]:
    """Names of the settings that an environment gives a value, in their order, known or not."""
    return sorted(
        name
        for name, value in environ.items()
        if name.startswith(_PREFIX) and not name.startswith(_OF_TESTS) and value.strip()
    )


def is_on_google_cloud(environ: Mapping[str, str]) -> bool:
    """Whether this process runs on Cloud Run or App Engine, and not in the emulator of the Firebase CLI.

    Where a variable is set that only Google Cloud sets, that of the emulator proves nothing.
    """
    is_emulated = environ.get(_EMULATED) == "true"
    return any(name in environ for name in _ON_GOOGLE_CLOUD) or (
        not is_emulated and any(name in environ for name in _ON_CLOUD_RUN_OR_EMULATED)
    )


def check_emulated(place: str, environ: Mapping[str, str], name: str) -> None:
    """Check of a store name: emulated functions and data must not reach a store in production by it.

    In the functions emulator, a store of Google Cloud's needs its emulator. So does a bucket where Firestore is
    emulated: a training on emulated data would publish its model to all users. Raises `SettingsError` naming `name`.
    """
    kind, _, target = place.partition(":")
    variable = _EMULATED_BY.get(kind)
    if variable is None or environ.get(variable):
        return
    if environ.get(_EMULATED) == "true":
        why = "functions run in the emulator"
    elif environ.get(_EMULATED_BY["firestore"]):
        why = f"{_EMULATED_BY['firestore']} is set"
    else:
        return
    advice = "name a folder, such as folder:.marquee/emulators" if kind == "gs" else "start the Firestore emulator"
    raise SettingsError(
        f"{name}: expected a store of the emulators, since {why}, got {place!r}, which is {target} in production; "
        f"{advice}, or set {variable}"
    )


def _refuse_emulators(environ: Mapping[str, str]) -> None:
    if environ.get(_EMULATED) == "true":
        raise SettingsError(f"{_EMULATED} is set on Google Cloud: it is the Firebase emulator's; remove it")
    for name in _EMULATOR_VARIABLES:
        if environ.get(name):
            raise SettingsError(f"{name} is set on Google Cloud: data would go to an emulator; remove it")


def _option(environ: Mapping[str, str], name: str, allowed: Collection[str], default: str) -> str:
    value = environ.get(name) or default
    if value not in allowed:
        raise SettingsError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")
    return value


def _store(environ: Mapping[str, str], name: str, kinds: Collection[str], refused: Collection[str]) -> str:
    value = environ.get(name, "")
    return check_store(value, kinds, name, refused) if value else ""


def check_store(value: str, kinds: Collection[str], name: str, refused: Collection[str] = ()) -> str:
    """Store name `value` unchanged if it reads `KIND:NAME` with a known kind; raises `SettingsError` naming `name`.

    NAME is no address: `gs://bucket` would ask for a bucket `//bucket`. Kinds in `refused` are those that keep their
    data on this machine, where it is one of Google Cloud's.
    """
    kind, _, target = value.partition(":")
    if kind not in kinds or not target:
        raise SettingsError(f"{name}: expected {' or '.join(f'{kind}:…' for kind in kinds)}, got {value!r}")
    if target.startswith("//"):
        raise SettingsError(f"{name}: expected {kind}:NAME, got {value!r}; did you mean {kind}:{target[2:]}?")
    if target != target.strip():
        raise SettingsError(f"{name}: expected {kind}:NAME, got {value!r}; did you mean {kind}:{target.strip()}?")
    if kind in _NAMED and not _NAME.fullmatch(target):
        raise SettingsError(f"{name}: expected {kind}: and {_NAMED[kind]}, got {value!r}")
    if kind in refused:
        raise SettingsError(
            f"{name}: {value!r} is for local use, since an instance on Google Cloud has a disk of its own in memory; "
            "remove it from the deployed function"
        )
    return value


def _origins(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in environ.get(name, "").split(",") if origin.strip())
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(f"{name}: expected origins such as https://app.example.com, got {origin!r}")
    return origins


def _thresholds(environ: Mapping[str, str], name: str) -> Mapping[str, float]:
    """Default thresholds, with those of a variable in their place, and without those that it turns off."""
    thresholds = dict(THRESHOLDS)
    for alert, text in _pairs(environ, name, ALERT_RULES).items():
        if text == "off":
            del thresholds[alert]
        else:
            thresholds[alert] = _in_range(
                name, text, 0, ALERT_RULES[alert].highest, f" or off as {alert}", environ[name]
            )
    return thresholds


def _prices(environ: Mapping[str, str], name: str) -> Prices:
    given = _pairs(environ, name, [field.name for field in fields(Prices)])
    return Prices(
        **{item: _in_range(name, text, 0, _MOST_USD, f" as {item}", environ[name]) for item, text in given.items()}
    )


def _pairs(environ: Mapping[str, str], name: str, known: Collection[str]) -> dict[str, str]:
    """Texts by name of a variable as `NAME=TEXT,NAME=TEXT`; raises `SettingsError` for names that are not known."""
    pairs: dict[str, str] = {}
    for part in filter(None, map(str.strip, environ.get(name, "").split(","))):
        key, is_pair, text = (word.strip() for word in part.partition("="))
        if not is_pair or key not in known:
            raise SettingsError(f"{name}: expected NAME=NUMBER with one of {', '.join(known)}, got {environ[name]!r}")
        if key in pairs:
            raise SettingsError(f"{name}: expected {key} once, got {environ[name]!r}")
        pairs[key] = text
    return pairs


def _admins(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    admins = tuple(email.strip().lower() for email in environ.get(name, "").split(",") if email.strip())
    for email in admins:
        if not _SERVICE_ACCOUNT.fullmatch(email):
            raise SettingsError(
                f"{name}: expected service accounts such as backend@project.iam.gserviceaccount.com, got {email!r}"
            )
    return admins


def _number(environ: Mapping[str, str], name: str, low: float, high: float, default: float) -> float:
    given = environ.get(name)
    return _in_range(name, given, low, high) if given else default


def _in_range(name: str, given: str, low: float, high: float, what: str = "", whole: str = "") -> float:
    """Number of a text, which is a part of the variable's value where that is given as `whole`."""
    expected = f"{name}: expected a number in {low:g}..{high:g}{what}, got {whole or given!r}"
    try:
        value = float(given)
    except ValueError as error:
        raise SettingsError(expected) from error
    if not low <= value <= high:
        raise SettingsError(expected)
    return value


def _days(environ: Mapping[str, str], name: str, low: int, high: int) -> int | None:
    given = environ.get(name)
    if not given:
        return None
    # Fewer digits than Python's limit for conversions, and no signs, spaces or underscores.
    if not re.fullmatch(r"[0-9]{1,9}", given) or not low <= int(given) <= high:
        raise SettingsError(f"{name}: expected whole days in {low}..{high}, got {given!r}")
    return int(given)


def _timezone(environ: Mapping[str, str], name: str) -> str:
    given = environ.get(name, "")
    if given and given not in available_timezones():
        raise SettingsError(f"{name}: expected the IANA name of a time zone such as Europe/Paris, got {given!r}")
    return given


def _firebase_config(environ: Mapping[str, str]) -> dict[str, str]:
    given = environ.get("FIREBASE_CONFIG") or "{}"
    try:
        config = json.loads(given)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"FIREBASE_CONFIG: expected JSON, got {given!r}") from error
    if not isinstance(config, dict):
        raise SettingsError(f"FIREBASE_CONFIG: expected a JSON object, got {given!r}")
    for name in ("projectId", "storageBucket"):
        if not isinstance(config.get(name, ""), str):
            raise SettingsError(f"FIREBASE_CONFIG: expected a text as {name}, got {config[name]!r}")
    return config


def _project(environ: Mapping[str, str]) -> str:
    return (
        environ.get("GCLOUD_PROJECT")
        or environ.get("GOOGLE_CLOUD_PROJECT")
        or _firebase_config(environ).get("projectId", "")
    )


def _required_project(environ: Mapping[str, str]) -> str:
    project = _project(environ)
    if not project:
        raise SettingsError("GOOGLE_CLOUD_PROJECT: expected the project's id, got nothing; or set MARQUEE_DOCUMENTS")
    return project


def _bucket(environ: Mapping[str, str]) -> str:
    named = _firebase_config(environ).get("storageBucket") or f"{_required_project(environ)}.appspot.com"
    return check_store(f"gs:{named}", ("gs",), "FIREBASE_CONFIG")
