"""Keys of names, and all that compares names by them."""

import ast
from pathlib import Path
from typing import Literal
from unicodedata import category, normalize

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.catalog import Catalog
from shared.entities import Profile, User
from shared.entities.names import name_key, name_keys
from shared.feedback.history import Histories
from shared.feedback.profiles import features
from shared.ranking.filters import Filters
from shared.selection import drift
from shared.signals.candidates import Candidates
from shared.signals.content import DeclaredCategories, DeclaredTags
from shared.signals.users import UserBatch
from tests.examples import NOW, an_event

ROOT = Path(__file__).parents[3]
FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
UNSEEN = ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\ufe0f", "\u200e", "\u034f", "\x00", "\u3164"]
SPACES = [" ", "\u00a0", "  ", "\t", "\u3000", "\u2009", "\u202f", "\n", "\x85"]

names = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=12)


@given(names)
def test_the_key_of_a_key_is_the_key(name: str) -> None:
    assert name_key(name_key(name)) == name_key(name)


@given(names, st.sampled_from(FORMS))
def test_a_key_does_not_depend_on_the_normal_form(name: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> None:
    assert name_key(normalize(form, name)) == name_key(name)


@given(
    st.lists(names.filter(lambda name: name_key(name) == name.casefold() and " " not in name), min_size=1), st.data()
)
def test_a_key_does_not_depend_on_spaces_and_what_cannot_be_seen(parts: list[str], data: st.DataObject) -> None:
    parts = [part for part in parts if part and not any(category(letter).startswith("M") for letter in part)]
    between = [data.draw(st.sampled_from(SPACES)) + data.draw(st.sampled_from(["", *UNSEEN])) for _ in parts]
    spelled = "".join(space + part for space, part in zip(between, parts, strict=True)) + data.draw(
        st.sampled_from(SPACES)
    )
    assert name_key(spelled) == name_key(" ".join(parts))


@given(st.text(st.characters(categories=["Lu", "Ll", "Lt", "Lo", "Nd"], exclude_characters="ıſ"), max_size=8))
def test_a_key_does_not_depend_on_case(name: str) -> None:
    assert name_key(name.casefold()) == name_key(name)


SPELLINGS = [
    "São Paulo",
    *(normalize("NFD", "São Paulo"), "são paulo", "SÃO PAULO", "São Paulo ", " São Paulo", "São\u00a0Paulo"),
    *("São  Paulo", "São Paulo\u200b", "\ufeffSão Paulo", "\uff33\u00e3o Paulo", "Sa\u0303O\u2009PAULO"),
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("other", [SPELLINGS[0], SPELLINGS[1]])
def test_spellings_of_a_name_are_one_name_wherever_names_are_compared(spelling: str, other: str) -> None:
    event = an_event("e", category=spelling, subcategory=spelling, city=spelling, tags=(spelling,))
    same = an_event("f", category=other, subcategory=other, city=other, tags=(other,))
    catalog = Catalog.of([event, same])
    assert [len(catalog.fields[name].names) for name in ("category", "subcategory", "city")] == [1, 1, 1]
    assert len(catalog.bags["tags"].names) == 1
    candidates = Candidates(catalog, np.arange(2), NOW.timestamp(), np.zeros(2))
    for filters in (Filters(category=(other,)), Filters(city=(other,)), Filters(tags=(other,))):
        assert filters.allowed(candidates, NOW).tolist() == [True, True]
    user = User(
        user_id="u", preferred_tags=(spelling,), preferred_categories=(spelling,), city=spelling, gender=spelling
    )
    assert list(features(user)) == [f"{kind} são paulo" for kind in ("tag", "category", "city", "gender")]
    batch = UserBatch(Histories.of_profile(Profile(user, ()), catalog, NOW), candidates)
    for signal in (DeclaredTags(), DeclaredCategories()):
        assert signal.score({}, batch).tolist() == [[1.0, 1.0]]


def test_spellings_of_one_name_count_once() -> None:
    assert name_keys(["São Paulo", "sa\u0303o paulo", "\u200b", "Rio"]) == ["são paulo", "rio"]
    events = [an_event(key, tags=tags) for key, tags in (("e", ("Jazz", "jazz ", "live")), ("f", ("jazz", "live")))]
    bag = Catalog.of(events).bags["tags"]
    assert bag.fingerprints(np.array([0])) == bag.fingerprints(np.array([1]))


def test_drift_compares_names_by_their_keys() -> None:
    found = [
        drift.Reference.of_names(Catalog.of([an_event(city=city)]).fields["city"].names.ids(), np.zeros(3, np.int64))
        for city in SPELLINGS
    ]
    assert all(found[0].distances(other) == (0.0, 0.0) for other in found)


def test_nothing_else_folds_case() -> None:
    folding = {"lower", "casefold", "upper", "normalize"}
    for path in (ROOT / "shared").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        called = {
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        named = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        # Settings are names of variables, and the schema has those of keys.
        if path.name not in ("names.py", "words.py", "markup.py", "attributes.py", "settings.py", "schema.py"):
            assert not folding & (called | named), path
