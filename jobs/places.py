"""Stores of a command: those of the settings, or those that its options `--store` and `--objects` name instead."""

import os
from collections.abc import Collection, Mapping
from dataclasses import replace

import click

from shared.adapters.stores import DOCUMENTS, LOCAL, OBJECTS
from shared.errors import SettingsError
from shared.settings import Settings, check_store, is_on_google_cloud

store_option = click.option(
    "--store", metavar="STORE", help="sqlite:PATH or firestore:PROJECT (default: $MARQUEE_DOCUMENTS or SQLite)"
)
objects_option = click.option(
    "--objects",
    metavar="PLACE",
    help="folder:PATH or gs:BUCKET, where the deployment's key is (default: $MARQUEE_OBJECTS or a folder)",
)


def named(
    settings: Settings, *, documents: str | None, objects: str | None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Settings with the stores of the options `--store` and `--objects`; raises `SettingsError`.

    Firestore needs a named object store: with the key of another deployment, what is counted would count again, and
    who is forgotten would not be found.
    """
    changed = with_documents(settings, documents, environ)
    if objects:
        return with_objects(changed, objects, environ)
    if changed.documents.startswith("firestore:") and changed.objects == Settings().objects:
        is_emulated = bool(environ.get("FIRESTORE_EMULATOR_HOST"))
        bucket = "the bucket as gs:BUCKET"
        folder = "that of the emulators, such as folder:APP/marquee/.marquee/emulators,"
        raise SettingsError(
            f"--objects: {changed.documents} is used with the key in its deployment's bucket; name "
            f"{folder if is_emulated else bucket} here or in MARQUEE_OBJECTS"
        )
    return changed


def with_documents(settings: Settings, documents: str | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings with the document store of the option `--store`, where it is given; raises `SettingsError`."""
    return replace(settings, documents=_checked(documents, DOCUMENTS, "--store", environ)) if documents else settings


def with_objects(settings: Settings, objects: str | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings with the object store of the option `--objects`, where it is given; raises `SettingsError`."""
    return replace(settings, objects=_checked(objects, OBJECTS, "--objects", environ)) if objects else settings


def _checked(store: str, kinds: Collection[str], option: str, environ: Mapping[str, str]) -> str:
    # As for settings: a job on Google Cloud has no disk either.
    return check_store(store, kinds, option, LOCAL if is_on_google_cloud(environ) else ())
