"""Settings from environment variables: defaults, valid and invalid values."""

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from functions.wiring import read_settings
from shared.entities.alert import THRESHOLDS
from shared.entities.prices import Prices
from shared.errors import SettingsError
from shared.settings import Settings, check_store

EMULATED = {"K_SERVICE": "api", "K_REVISION": "1", "GOOGLE_CLOUD_PROJECT": "city"}
PRODUCTION = EMULATED | {"K_CONFIGURATION": "api", "K_REVISION": "api-00001-abc"}


def test_the_defaults_are_for_a_single_machine() -> None:
    assert read_settings({}) == Settings(
        documents="sqlite:.marquee/documents.db",
        objects="folder:.marquee/bucket",
        require_auth=True,
        refresh_s=30.0,
        deadline_s=2.0,
        project="",
        model="blend",
        half_life_days=90.0,
        keep_days=None,
        origins=(),
        require_app_check=False,
    )


def test_empty_variables_equal_absent_ones() -> None:
    names = [
        "DOCUMENTS",
        "OBJECTS",
        "AUTH",
        "REFRESH_S",
        "DEADLINE_S",
        "MODEL",
        "HALF_LIFE_DAYS",
        "KEEP_DAYS",
        "ORIGINS",
        "APP_CHECK",
    ]
    environ = {f"MARQUEE_{name}": "" for name in names} | {"GCLOUD_PROJECT": "", "FIREBASE_CONFIG": ""}
    assert read_settings(environ) == Settings()


@pytest.mark.parametrize(
    ("variable", "given", "field", "expected"),
    [
        ("MARQUEE_DOCUMENTS", "sqlite:/tmp/x:y.db", "documents", "sqlite:/tmp/x:y.db"),
        ("MARQUEE_DOCUMENTS", "firestore:city", "documents", "firestore:city"),
        ("MARQUEE_OBJECTS", "folder:bucket", "objects", "folder:bucket"),
        ("MARQUEE_OBJECTS", "gs:city-models", "objects", "gs:city-models"),
        ("MARQUEE_ADMINS", "a@p.iam.gserviceaccount.com", "admins", ("a@p.iam.gserviceaccount.com",)),
        (
            *("MARQUEE_ADMINS", " A@p.iam.gserviceaccount.com ,1-compute@developer.gserviceaccount.com,"),
            *("admins", ("a@p.iam.gserviceaccount.com", "1-compute@developer.gserviceaccount.com")),
        ),
        ("MARQUEE_AUTH", "off", "require_auth", False),
        ("MARQUEE_AUTH", "firebase", "require_auth", True),
        ("MARQUEE_REFRESH_S", "1", "refresh_s", 1.0),
        ("MARQUEE_REFRESH_S", "3600", "refresh_s", 3600.0),
        ("MARQUEE_DEADLINE_S", "0.05", "deadline_s", 0.05),
        ("MARQUEE_DEADLINE_S", "60", "deadline_s", 60.0),
        ("MARQUEE_MODEL", "popularity", "model", "popularity"),
        ("MARQUEE_HALF_LIFE_DAYS", "3650", "half_life_days", 3650.0),
        ("MARQUEE_TIMEZONE", "Europe/Paris", "timezone", "Europe/Paris"),
        ("MARQUEE_ASSUMED_HOURS", "0", "assumed_hours", 0.0),
        ("MARQUEE_KEEP_DAYS", "30", "keep_days", 30),
        ("MARQUEE_KEEP_DAYS", "36500", "keep_days", 36_500),
        (
            "MARQUEE_ORIGINS",
            "https://a.example, http://localhost:5000",
            "origins",
            ("https://a.example", "http://localhost:5000"),
        ),
        ("MARQUEE_APP_CHECK", "on", "require_app_check", True),
        ("MARQUEE_ALERTS", " errors = 0.5 ,,", "thresholds", {**THRESHOLDS, "errors": 0.5}),
        ("MARQUEE_ALERTS", ",".join(f"{name}=off" for name in THRESHOLDS), "thresholds", {}),
        ("MARQUEE_PRICES", "reads=0.03,requests=0", "prices", Prices(reads=0.03, requests=0.0)),
        ("MARQUEE_FRIENDS", "on", "has_friends", True),
        ("MARQUEE_FRIENDS", "off", "has_friends", False),
        ("MARQUEE_EXPLORATION", "0.05", "exploration", 0.05),
        ("GCLOUD_PROJECT", "city", "project", "city"),
        ("GOOGLE_CLOUD_PROJECT", "city", "project", "city"),
        ("FIREBASE_CONFIG", json.dumps({"projectId": "city"}), "project", "city"),
    ],
)
def test_each_variable_sets_its_field_and_no_other(variable: str, given: str, field: str, expected: Any) -> None:
    assert read_settings({variable: given}) == dataclasses.replace(Settings(), **{field: expected})


@pytest.mark.parametrize(
    ("variable", "given"),
    [
        ("MARQUEE_DOCUMENTS", "postgres:city"),
        ("MARQUEE_DOCUMENTS", "sqlite"),
        ("MARQUEE_DOCUMENTS", "sqlite:"),
        ("MARQUEE_DOCUMENTS", "gs:city"),
        ("MARQUEE_OBJECTS", "sqlite:x"),
        ("MARQUEE_OBJECTS", "gs:"),
        ("MARQUEE_AUTH", "on"),
        ("MARQUEE_AUTH", "OFF"),
        ("MARQUEE_APP_CHECK", "yes"),
        ("MARQUEE_ALERTS", "latency=1"),
        ("MARQUEE_ALERTS", "errors"),
        ("MARQUEE_ALERTS", "errors=1.1"),
        ("MARQUEE_ALERTS", "errors=-0.1"),
        ("MARQUEE_ALERTS", "errors=nan"),
        ("MARQUEE_ALERTS", "errors=on"),
        ("MARQUEE_ALERTS", "errors="),
        ("MARQUEE_ALERTS", "errors=0.1,errors=0.2"),
        ("MARQUEE_PRICES", "reads=off"),
        ("MARQUEE_PRICES", "read=0.1"),
        ("MARQUEE_PRICES", "reads=inf"),
        ("MARQUEE_FRIENDS", "true"),
        ("MARQUEE_EXPLORATION", "0.51"),
        ("MARQUEE_ADMINS", "backend@example.org"),
        ("MARQUEE_ADMINS", "backend"),
        ("MARQUEE_ADMINS", "backend@evil-gserviceaccount.com"),
        ("MARQUEE_ADMINS", "a@p.iam.gserviceaccount.com;b@p.iam.gserviceaccount.com"),
        ("MARQUEE_ORIGINS", "*"),
        ("MARQUEE_ORIGINS", "a.example"),
        ("MARQUEE_ORIGINS", "https://a.example/path"),
        ("MARQUEE_REFRESH_S", "0.9"),
        ("MARQUEE_REFRESH_S", "3601"),
        ("MARQUEE_REFRESH_S", "nan"),
        ("MARQUEE_REFRESH_S", "soon"),
        ("MARQUEE_DEADLINE_S", "0"),
        ("MARQUEE_DEADLINE_S", "inf"),
        ("MARQUEE_MODEL", "SVD"),
        ("MARQUEE_HALF_LIFE_DAYS", "-1"),
        ("MARQUEE_ASSUMED_HOURS", "24.1"),
        ("MARQUEE_ASSUMED_HOURS", "nan"),
        ("MARQUEE_TIMEZONE", "Europe/Nowhere"),
        ("MARQUEE_TIMEZONE", "../UTC"),
        ("MARQUEE_TIMEZONE", "+02:00"),
        ("MARQUEE_HALF_LIFE_DAYS", "3651"),
        ("MARQUEE_KEEP_DAYS", "29"),
        ("MARQUEE_KEEP_DAYS", "36501"),
        ("MARQUEE_KEEP_DAYS", "90.5"),
        ("MARQUEE_KEEP_DAYS", "-90"),
        ("MARQUEE_KEEP_DAYS", "9" * 5_000),
        ("MARQUEE_KEEP_DAYS", "forever"),
        ("FIREBASE_CONFIG", "{"),
        ("MARQUEE_OBJECTS", "gs://city"),
        ("MARQUEE_OBJECTS", "gs:/city"),
        ("MARQUEE_OBJECTS", "gs:city/models"),
        ("MARQUEE_OBJECTS", "gs: city"),
        ("MARQUEE_OBJECTS", "gs:-"),
        ("MARQUEE_OBJECTS", "folder://models"),
        ("MARQUEE_DOCUMENTS", "sqlite:///tmp/x.db"),
        ("MARQUEE_DOCUMENTS", "firestore://city"),
        ("MARQUEE_DOCUMENTS", "firestore:projects/city"),
        ("FIREBASE_CONFIG", "[]"),
        ("FIREBASE_CONFIG", "[" * 100_000),
    ],
)
def test_an_invalid_value_is_refused_with_its_variable(variable: str, given: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{variable}: expected .*, got ") as refused:
        read_settings({variable: given})
    assert repr(given) in str(refused.value)


def test_google_cloud_defaults_to_the_stores_of_the_project() -> None:
    settings = read_settings(PRODUCTION)
    assert (settings.documents, settings.objects) == ("firestore:city", "gs:city.appspot.com")
    named = PRODUCTION | {"FIREBASE_CONFIG": json.dumps({"storageBucket": "city.firebasestorage.app"})}
    assert read_settings(named).objects == "gs:city.firebasestorage.app"


def test_google_cloud_without_a_project_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^GOOGLE_CLOUD_PROJECT: .*MARQUEE_DOCUMENTS"):
        read_settings({"K_SERVICE": "api"})


EMULATORS = [
    "FUNCTIONS_EMULATOR",
    "FIRESTORE_EMULATOR_HOST",
    "FIREBASE_AUTH_EMULATOR_HOST",
    "FIREBASE_STORAGE_EMULATOR_HOST",
    "STORAGE_EMULATOR_HOST",
]


@pytest.mark.parametrize("variable", EMULATORS)
def test_google_cloud_refuses_emulator_variables(variable: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{variable} is set on Google Cloud"):
        read_settings(PRODUCTION | {variable: "true"})
    assert read_settings({variable: "localhost:8080"}) == Settings()


def test_google_cloud_requires_authentication() -> None:
    with pytest.raises(SettingsError, match=r"^MARQUEE_AUTH: 'off' is for local use"):
        read_settings(PRODUCTION | {"MARQUEE_AUTH": "off"})


def test_the_functions_emulator_may_use_emulators_without_authentication() -> None:
    emulated = dict.fromkeys(EMULATORS, "host:1") | EMULATED | {"FUNCTIONS_EMULATOR": "true", "MARQUEE_AUTH": "off"}
    settings = read_settings(emulated)
    assert not settings.require_auth
    assert (settings.documents, settings.objects) == ("firestore:city", "gs:city.appspot.com")


FUNCTIONS_EMULATED = EMULATED | {"FUNCTIONS_EMULATOR": "true"}
FIRESTORE = {"FIRESTORE_EMULATOR_HOST": "localhost:8081"}
STORAGE = {"STORAGE_EMULATOR_HOST": "http://localhost:9199"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"MARQUEE_OBJECTS": "gs:city-models"},
        {"FIREBASE_CONFIG": json.dumps({"storageBucket": "city.firebasestorage.app"})},
        # This one leads the Admin SDK to the emulator, and nothing here.
        {"FIREBASE_STORAGE_EMULATOR_HOST": "localhost:9199"},
        {"STORAGE_EMULATOR_HOST": ""},
    ],
)
def test_emulated_functions_never_reach_a_bucket_in_production(given: dict[str, str]) -> None:
    environ = FUNCTIONS_EMULATED | FIRESTORE | given
    with pytest.raises(
        SettingsError, match=r"^MARQUEE_OBJECTS: .* got 'gs:city.*folder:\.marquee/emulators, or set STORAGE"
    ):
        read_settings(environ)
    assert read_settings(environ | STORAGE).objects.startswith("gs:city")
    assert read_settings(environ | {"MARQUEE_OBJECTS": "folder:models"}).objects == "folder:models"


def test_emulated_functions_never_reach_firestore_in_production() -> None:
    with pytest.raises(SettingsError, match=r"^MARQUEE_DOCUMENTS: .* start the Firestore emulator"):
        read_settings(FUNCTIONS_EMULATED | STORAGE)
    assert read_settings(FUNCTIONS_EMULATED | STORAGE | FIRESTORE).documents == "firestore:city"


def test_emulated_data_never_reaches_a_bucket_in_production() -> None:
    with pytest.raises(SettingsError, match=r"^MARQUEE_OBJECTS: .* FIRESTORE_EMULATOR_HOST is set"):
        read_settings(FIRESTORE | {"MARQUEE_OBJECTS": "gs:city"})


@pytest.mark.parametrize("value", ["false", "1", "TRUE", ""])
def test_only_the_value_true_means_the_functions_emulator(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^MARQUEE_AUTH"):
        read_settings(EMULATED | {"FUNCTIONS_EMULATOR": value, "MARQUEE_AUTH": "off"})


def test_a_store_is_named_by_kind_and_place() -> None:
    assert check_store("gs:models", ("folder", "gs"), "--objects") == "gs:models"
    assert check_store("sqlite:/tmp/x.db", ("sqlite",), "--store") == "sqlite:/tmp/x.db"
    with pytest.raises(SettingsError, match=r"^--objects: expected folder:… or gs:…, got 'models'$"):
        check_store("models", ("folder", "gs"), "--objects")


def test_a_project_without_a_text_as_its_name_is_refused() -> None:
    for config in ({"projectId": 5}, {"storageBucket": ["x"]}, {"storageBucket": "gs://city"}):
        with pytest.raises(SettingsError, match=r"^FIREBASE_CONFIG: expected "):
            read_settings(EMULATED | {"FUNCTIONS_EMULATOR": "true", "FIREBASE_CONFIG": json.dumps(config)})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("gs://city", "gs:city"),
        ("folder://models", "folder:models"),
    ],
)
def test_an_address_in_place_of_a_name_is_refused_with_the_name(given: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=rf"; did you mean {meant}\?$"):
        read_settings({"MARQUEE_OBJECTS": given})


ONLY_ON_GOOGLE_CLOUD = [
    *("K_CONFIGURATION", "CLOUD_RUN_JOB", "CLOUD_RUN_EXECUTION", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT"),
    *("CLOUD_RUN_TASK_COUNT", "CLOUD_RUN_WORKER_POOL", "CLOUD_RUN_WORKER_POOL_REVISION", "GAE_APPLICATION"),
    *("GAE_DEPLOYMENT_ID", "GAE_ENV", "GAE_INSTANCE", "GAE_RUNTIME", "GAE_SERVICE", "GAE_VERSION"),
]
"""Variables of services, jobs, worker pools and App Engine that the emulator of the Firebase CLI does not set."""


@pytest.mark.parametrize("variable", [*ONLY_ON_GOOGLE_CLOUD, "K_SERVICE", "K_REVISION"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("MARQUEE_DOCUMENTS", "sqlite:/tmp/x.db"), ("MARQUEE_OBJECTS", "folder:/tmp/x"), ("MARQUEE_AUTH", "off")],
)
def test_google_cloud_refuses_what_is_for_a_single_machine(variable: str, name: str, value: str) -> None:
    environ = {variable: "0", "GOOGLE_CLOUD_PROJECT": "city"}
    settings = read_settings(environ)
    assert (settings.documents, settings.objects) == ("firestore:city", "gs:city.appspot.com")
    with pytest.raises(SettingsError, match=rf"^{name}: '{value}' is for local use.*; remove it from the deployed"):
        read_settings(environ | {name: value})


@pytest.mark.parametrize("variable", ONLY_ON_GOOGLE_CLOUD)
def test_no_variable_of_emulators_is_taken_beside_one_that_only_google_cloud_sets(variable: str) -> None:
    for emulator in EMULATORS:
        with pytest.raises(SettingsError, match=rf"^{emulator} is set on Google Cloud"):
            read_settings({**EMULATED, variable: "0", emulator: "true"})


def test_variables_of_programs_that_call_google_cloud_are_no_sign_of_it() -> None:
    others = ("CLOUD_RUN_REGION", "CLOUDSDK_CORE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "FUNCTION_TARGET")
    assert read_settings(dict.fromkeys(others, "city") | {"MARQUEE_AUTH": "off"}).documents == Settings().documents


def test_the_variable_of_the_emulator_lifts_nothing_on_google_cloud() -> None:
    for value, refused in (
        ("true", "FUNCTIONS_EMULATOR is set on Google Cloud"),
        ("1", "MARQUEE_AUTH"),
        ("", "MARQUEE_AUTH"),
    ):
        with pytest.raises(SettingsError, match=rf"^{refused}"):
            read_settings(PRODUCTION | {"FUNCTIONS_EMULATOR": value, "MARQUEE_AUTH": "off"})


SETTINGS = sorted(set(re.findall(r"MARQUEE_\w+", Settings.__doc__ or "")))


@pytest.mark.parametrize("known", SETTINGS)
@pytest.mark.parametrize(
    "misspell",
    [
        lambda name: name[:-1],
        lambda name: name + "S",
        lambda name: name[:10] + name[11:],
        lambda name: name[:-3] + name[-2] + name[-3] + name[-1],
        str.lower,
        str.title,
        lambda name: name.replace("_", "-"),
        lambda name: name.replace("_", "."),
        lambda name: name.replace("_", " "),
        lambda name: name.replace("_", "__", 1),
        lambda name: name.replace("_", ""),
        lambda name: f" {name}",
        lambda name: f"{name} ",
        lambda name: f"\t{name}\r",
        lambda name: f"\ufeff{name}",
        lambda name: f"{name}\u200b",
        lambda name: f"_{name}",
        lambda name: f"{name}_",
        lambda name: f"export {name}",
        lambda name: name.replace("MARQUEE", "MARQUE"),
        lambda name: name.replace("MARQUEE", "MARQEE"),
        lambda name: name.replace("MARQUEE", "MARKEE"),
        lambda name: name.replace("MARQUEE", "MARQUEES"),
        lambda name: name.replace("MARQUEE", "marqueé"),
        lambda name: name.replace("A", "\u0410", 1),
        lambda name: name.replace("_", "-").lower(),
    ],
    ids=[
        *("cut", "longer", "left out", "swapped", "lower case", "title", "hyphen", "dot", "space", "two underscores"),
        *("no underscore", "leading space", "trailing space", "tab and return", "byte order mark", "zero width"),
        *("leading underscore", "trailing underscore", "export", "prefix cut", "prefix left out", "prefix by ear"),
        *("prefix longer", "accent", "letter of another script", "hyphen and lower case"),
    ],
)
def test_a_misspelt_setting_is_refused_with_the_right_name(known: str, misspell: Callable[[str], str]) -> None:
    given = misspell(known)
    with pytest.raises(SettingsError, match=rf": expected a known setting, .*; did you mean {known}\?$") as refused:
        read_settings({given: "off"})
    assert str(refused.value).startswith((f"{given}:", f"{given!r}:"))
    assert read_settings({given: ""}) == read_settings({given: " "}) == Settings(), "empty variables equal absent ones"


@pytest.mark.parametrize("around", [" {}", "{} ", "\t{}", "{}\r", "{}\n", "\u00a0{}"])
def test_values_are_read_without_the_white_space_around_them(around: str) -> None:
    given = {
        "MARQUEE_DOCUMENTS": "firestore:city",
        "MARQUEE_OBJECTS": "gs:models",
        "MARQUEE_AUTH": "off",
        "MARQUEE_REFRESH_S": "5",
        "MARQUEE_MODEL": "svd",
        "MARQUEE_TIMEZONE": "Europe/Paris",
        "MARQUEE_KEEP_DAYS": "40",
        "MARQUEE_ORIGINS": "https://a.example",
        "MARQUEE_FRIENDS": "on",
        "GOOGLE_CLOUD_PROJECT": "city",
    }
    assert read_settings({name: around.format(value) for name, value in given.items()}) == read_settings(given)
    assert read_settings(dict.fromkeys(given, around.format(""))) == Settings()


@pytest.mark.parametrize("store", ["sqlite: x.db", "sqlite:\tx.db", "sqlite:\u00a0x.db"])
def test_white_space_before_the_name_of_a_store_is_refused_with_the_name(store: str) -> None:
    with pytest.raises(SettingsError, match=r"^MARQUEE_DOCUMENTS: expected .*; did you mean sqlite:x.db\?$"):
        read_settings({"MARQUEE_DOCUMENTS": store})


@pytest.mark.parametrize(
    "name", ["MARQUEZ_URL", "MARQUEZ_API_KEY", "MARQUEE", "APP_FRIENDS", "MAKEFLAGS", "MARQUEEURL"]
)
def test_variables_of_other_programs_are_none_of_ours(name: str) -> None:
    assert read_settings({name: "on"}) == Settings()


def test_an_unknown_setting_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"^MARQUEE_ZZZZZZ: .*; known are ") as refused:
        read_settings({"MARQUEE_ZZZZZZ": "1"})
    assert all(name in str(refused.value) for name in SETTINGS)
    assert read_settings({"MARQUEE_E2E_DATA": "/tmp/data", "MARQUEETTE": "1"}) == Settings()  # noqa: S108  # no file
