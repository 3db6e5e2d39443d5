"""Words of texts in every script."""

import sys
from itertools import pairwise
from unicodedata import category, normalize

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.catalog import Catalog
from shared.catalog.words import words
from shared.ranking.similarity import similarity
from shared.signals.candidates import Candidates
from tests.examples import NOW, an_event

SPACED = {
    "Latin": "música café straße über",
    "Cyrillic": "Московский йога",
    "Greek": "Μουσική Ελλάδα",
    "Armenian": "երաժշտություն",
    "Hebrew": "מוזיקה שלום",
    "Arabic": "موسيقى الفيديو",
    "Devanagari": "हिन्दी संगीत",
    "Bengali": "সঙ্গীত",
    "Tamil": "இசை",
    "Telugu": "సంగీతం",
    "Malayalam": "സംഗീതം",
    "Sinhala": "සංගීතය",
    "Georgian": "მუსიკა",
    "Hangul": "한국어 음악",
    "Ethiopic": "ሙዚቃ",
    "Persian": "می\u200cخواهم",
    "Vietnamese": "âm nhạc",
}
UNSPACED = {
    "Han": "东京音乐会",
    "Hiragana": "おんがく",
    "Katakana": "コンサート",
    "half-width": "ｺﾝｻｰﾄ",
    "Thai": "ดนตรีกรุงเทพ",
    "Lao": "ດົນຕີລາວ",
    "Khmer": "តន្ត្រីភ្នំពេញ",
    "Myanmar": "ဂီတမြန်မာ",
}
FORMS = ["NFC", "NFD", "NFKC", "NFKD"]


@pytest.mark.parametrize("text", SPACED.values(), ids=SPACED)
@pytest.mark.parametrize("form", FORMS)
def test_words_between_spaces_stay_whole_in_any_normal_form(text: str, form: str) -> None:
    found = words(normalize(form, text))  # type: ignore[arg-type]  # one of the four
    assert len(found) == len(text.split())
    assert found == words(text)
    assert all(word == normalize("NFKC", word) for word in found)


@pytest.mark.parametrize("text", UNSPACED.values(), ids=UNSPACED)
@pytest.mark.parametrize("form", FORMS)
def test_scripts_without_spaces_give_pairs_of_neighbouring_letters(text: str, form: str) -> None:
    found = words(normalize(form, text))  # type: ignore[arg-type]  # one of the four
    assert found == words(text)
    assert len(found) > 2
    assert not any(category(word[0]).startswith("M") for word in found)
    # Neighbours share a letter, so that the run can be put together again.
    letters = [regex.findall(r"\X\p{M}*", word) for word in found]
    assert all(len(pair) == 2 for pair in letters)
    assert all(before[1] == after[0] for before, after in pairwise(letters))
    assert "".join([letters[0][0], *(pair[1] for pair in letters)]) == normalize("NFKC", text)


@pytest.mark.parametrize("script", UNSPACED)
def test_texts_that_share_a_word_of_a_script_without_spaces_are_similar(script: str) -> None:
    text = UNSPACED[script]
    titles = {"a": f"{text}第", "b": f"回{text}", "c": "Rock night"}
    catalog = Catalog.of(an_event(key, title=title) for key, title in titles.items())
    candidates = Candidates(catalog, catalog.events.rows(list(titles)), NOW.timestamp(), np.zeros(3))
    similar = similarity(candidates, catalog.events.rows(["a"]))[0]
    assert similar[1] > 0.1
    assert similar[2] == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the 2nd 90s 3D U2", ["the", "2nd", "90s", "3d", "u2"]),
        ("2026 10,000 3.14 1'000", []),
        ("can't Don’t o'clock O'Hara", ["can't", "don't", "o'clock", "o'hara"]),
        ("l'été d’art dell'arte qu'on", ["été", "art", "arte", "on"]),
        ("e-mail a/b U.S.A. example.com", ["mail", "u.s.a", "example.com"]),
        ("co\u00adoperation zero\u200bwidth", ["cooperation", "zero", "width"]),
        ("ﬁn Ｊａｚｚ ① ㎏", ["fin", "jazz", "kg"]),
        ("🎷 ❤️ 👨‍👩‍👧 🇩🇪 jazz", ["jazz"]),
        ("봄 a б", ["봄"]),
        ("茶 第3回 東京JAZZ祭", ["茶", "第", "回", "東京", "jazz", "祭"]),
        ("日本・東京", ["日本", "東京"]),
        ("x" * 41 + " y" * 3 + "жж" * 21, []),
        ("", []),
    ],
)
def test_words_and_what_is_none(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(
    st.text(st.characters(codec="ascii", exclude_characters="'"), max_size=40) | st.text("xz1_.:,;'- \n2", max_size=20)
)
def test_words_in_ascii_are_those_of_the_annex(text: str) -> None:
    folded = "".join(letter for letter in text.casefold() if category(letter) != "Cc" or letter in "\t\n\v\f\r")
    found = regex.findall(r"(?V1ws)\b\w.*?\b", folded)
    assert words(text) == [word for word in found if len(word) > 1 and regex.search("[a-z]", word)]


@given(st.text(st.characters(exclude_categories=["Cs", "Cn"])), st.sampled_from(FORMS))
def test_words_do_not_depend_on_the_normal_form(text: str, form: str) -> None:
    assert words(normalize(form, text)) == words(text)  # type: ignore[arg-type]  # one of the four


def test_no_character_alone_or_repeated_is_a_word_without_a_letter() -> None:
    assigned = [chr(code) for code in range(sys.maxunicode + 1) if category(chr(code)) not in {"Cs", "Cn", "Co"}]
    found = {word for character in assigned for number in (1, 2, 3) for word in words(character * number)}
    assert [word for word in found if not any(category(letter).startswith("L") for letter in word)] == []


@given(st.text(st.characters(exclude_categories=["Cs", "Cn"])))
def test_words_hold_letters_and_no_spaces(text: str) -> None:
    for word in words(text):
        assert any(category(letter).startswith("L") for letter in word)
        assert not any(letter.isspace() for letter in word)
        assert 1 <= len(word) <= 40


@given(st.text(st.characters(exclude_categories=["Cs", "Cn"])), st.text(st.characters(exclude_categories=["Cs", "Cn"])))
def test_a_line_break_separates_words(one: str, other: str) -> None:
    assert words(f"{one}\n{other}") == words(one) + words(other)
