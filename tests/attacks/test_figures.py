"""Figures in SECURITY.md: how many attacks of each kind are tried."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from functions import THREADS
from shared.entities import InteractionType
from shared.models.artifact import Manifest, unpack
from shared.models.registry import trainable
from shared.services.registry import POINTER, Pointer
from tests.attacks import (
    test_admins,
    test_damaged_files,
    test_deliveries,
    test_demo_origins,
    test_hanging_stores,
    test_killed_servers,
    test_models,
    test_objects,
    test_rules,
    test_slow_bodies,
    test_tokens,
)
from tests.contract import test_download

ROOT: Final = Path(__file__).parents[2]
_ROUNDED: Final = 1.2
"""Bound of a figure that is said to be over a number, as a multiple of that number."""


def _table() -> dict[str, str]:
    """Figures by the words that a row of the table begins with."""
    text = (ROOT / "SECURITY.md").read_text().partition("## Attacks that are tried")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("|")
    ]
    return {attack: tried for attack, tried, _ in rows[2:]}


def _cases(test: Callable[..., Any]) -> list[Any]:
    """Cases of a parametrised test."""
    [mark] = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    return list(mark.args[1])


def _drawn(test: Callable[..., Any]) -> int:
    """Examples that Hypothesis draws."""
    return int(test._hypothesis_internal_use_settings.max_examples)  # type: ignore[attr-defined]


def _in_bucket(bucket: Path) -> int:
    folder = bucket / "models" / Pointer.from_json((bucket / POINTER).read_bytes()).version
    arrays = unpack((folder / "model.npz").read_bytes(), Manifest.from_json((folder / "manifest.json").read_bytes()))
    return sum(
        damage == "missing" or change(array) is not None
        for array in arrays.values()
        for damage, change in test_objects.ARRAY_DAMAGES.items()
    )


def _deliveries() -> int:
    """Deliveries that are not drawn: of each kind the good one and each value of each field, under one id or two."""
    values, ids = len(test_deliveries.BAD), len(test_deliveries.IDS) * 4 + len(test_deliveries.NO_MESSAGES)
    fields = {name: len(names) for name, names in test_deliveries.FIELDS.items()}
    by_field = len(InteractionType) * (1 + fields["interactions"] * values * 2) + 1 + fields["events"] * values
    return by_field + ids * 4 + test_deliveries.FLIPPED * 2


def _figures(trained: Path) -> dict[str, list[int]]:
    tokens, rules, objects = test_tokens, test_rules, test_objects
    missing = sum(len(test_models._arrays(model).keys() - test_models.LATER) for model in trainable())
    damaged = len(objects.JUNK) + 5  # truncated, flipped, doubled, missing, a folder
    admins = len(_cases(test_admins.test_no_field_of_an_event_stops_the_lists_of_others)) + len(
        _cases(test_admins.test_no_field_of_the_rules_stops_lists_or_the_admin_who_mends_them)
    )
    at_random = [_drawn(tokens.test_no_type_of_any_claim_is_a_failure), _drawn(tokens.test_no_text_is_a_token)]
    return {
        "ID tokens": [len(tokens.ID_TOKENS), *at_random],
        "App Check tokens": [len(tokens.APP_TOKENS)],
        "servers of": [len(tokens.KEYLESS), tokens.AT_ONCE],
        "acting for": [
            *map(
                len,
                (
                    _cases(tokens.test_nobody_acts_for_another),
                    _cases(tokens.test_no_header_but_the_token_s_names_a_user),
                    _cases(tokens.test_users_whose_ids_look_alike_are_different),
                    _cases(tokens.test_only_true_makes_an_admin),
                    tokens.OTHER_ORGANIZERS,
                    _cases(tokens.test_no_other_form_of_the_header_is_taken),
                ),
            )
        ],
        "reads, queries": [
            *(len(rules.BOBS), 8, len(rules.SMUGGLED), len(rules.NUMBERS)),
            len(_cases(rules.test_ids_that_imitate_others_are_denied)),
            len(_cases(rules.test_types_that_are_none_are_denied_under_ids_that_fit_them)),
            len(_cases(rules.test_transforms_are_judged_by_their_result)),
        ],
        "documents that admins": [admins, len(test_admins.WRONG) + 1],
        "writes to": _cases(test_hanging_stores.test_a_stopped_firestore_stops_what_needs_it_alone),
        "buckets and": [len(test_download.SLOW) + 1],
        "bodies": [len(test_slow_bodies.PROMISED), THREADS * 2],
        "answers": [THREADS * 2],
        "chunks": [len(test_slow_bodies.MALFORMED), len(test_slow_bodies.TARGETS)],
        "damaged SQLite": [len(test_damaged_files.DAMAGE), _drawn(test_damaged_files.test_no_damage_fails_a_list)],
        "SQLite files": [len(_cases(test_damaged_files.test_a_file_that_takes_no_writes_fails_no_list))],
        "other hosts": [
            len(_cases(test_demo_origins.test_another_host_is_refused)),
            len(_cases(test_demo_origins.test_another_origin_is_refused)),
        ],
        "`kill -9`": [test_killed_servers.SENDERS, 1 + test_killed_servers.KILLS],
        "sending while": [
            test_killed_servers.SENDERS,
            len(_cases(test_killed_servers.test_an_erasure_outlives_what_is_sent_meanwhile))
            * test_killed_servers.ERASURES,
        ],
        "models with": [
            len(test_models.CASES) + missing,
            _in_bucket(trained),
            _drawn(test_models.test_no_mixture_of_damages_reaches_a_request),
        ],
        "pointer, manifest": [
            objects.TRIED,
            _drawn(objects.test_no_json_object_is_more_than_an_error)
            + _drawn(objects.test_no_bytes_are_more_than_an_error),
        ],
        "objects of": [len(objects.FILES) * damaged + len(objects.COLUMNS)],
        "deliveries to": [_deliveries(), test_deliveries.DRAWN * test_deliveries.IN_A_ROW],
    }


def test_the_figures_are_those_of_the_attacks(trained: Path) -> None:
    table, figures = _table(), _figures(trained)
    assert len(table) == len(figures)
    for begins, tried in figures.items():
        [said] = [text for attack, text in table.items() if attack.startswith(begins)]
        found = [
            (bool(over), int(number.replace(",", ""))) for over, number in re.findall(r"(over )?([0-9][0-9,]*)\b", said)
        ]
        assert len(found) == len(tried), (begins, tried, said)
        for (is_rounded, number), actual in zip(found, tried, strict=True):
            assert number <= actual < number * _ROUNDED if is_rounded else number == actual, (begins, tried, said)
