"""Settings from environment variables: defaults, valid and invalid values."""

import dataclasses
import json
from typing import Any

import pytest

from functions.wiring import read_settings
from shared.errors import SettingsError
from shared.settings import Settings, check_store

PRODUCTION = {"K_SERVICE": "api", "GOOGLE_CLOUD_PROJECT": "city"}


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
        ("FIREBASE_CONFIG", "[]"),
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
    "FIRESTORE_EMULATOR_HOST",
    "FIREBASE_AUTH_EMULATOR_HOST",
    "FIREBASE_STORAGE_EMULATOR_HOST",
    "STORAGE_EMULATOR_HOST",
]


@pytest.mark.parametrize("variable", EMULATORS)
def test_google_cloud_refuses_emulator_variables(variable: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{variable} is set on Google Cloud"):
        read_settings(PRODUCTION | {variable: "localhost:8080"})
    assert read_settings({variable: "localhost:8080"}) == Settings()


def test_google_cloud_requires_authentication() -> None:
    with pytest.raises(SettingsError, match=r"^MARQUEE_AUTH: 'off' is for local use"):
        read_settings(PRODUCTION | {"MARQUEE_AUTH": "off"})


def test_the_functions_emulator_may_use_emulators_without_authentication() -> None:
    emulated = PRODUCTION | {"FUNCTIONS_EMULATOR": "true", "MARQUEE_AUTH": "off"} | dict.fromkeys(EMULATORS, "host:1")
    settings = read_settings(emulated)
    assert not settings.require_auth
    assert (settings.documents, settings.objects) == ("firestore:city", "gs:city.appspot.com")


@pytest.mark.parametrize("value", ["false", "1", "TRUE", ""])
def test_only_the_value_true_means_the_functions_emulator(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^MARQUEE_AUTH"):
        read_settings(PRODUCTION | {"FUNCTIONS_EMULATOR": value, "MARQUEE_AUTH": "off"})


def test_a_store_is_named_by_kind_and_place() -> None:
    assert check_store("gs:models", ("folder", "gs"), "--objects") == "gs:models"
    with pytest.raises(SettingsError, match=r"^--objects: expected folder:… or gs:…, got 'models'$"):
        check_store("models", ("folder", "gs"), "--objects")
