"""Estimated stars of reviews in several languages, against the judgement that wrote them."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.feedback.stars import MIN_REVIEWS, estimate_stars

Stars = NDArray[np.float32]

# Phrases of five stars, of one, and of no judgement: as many words that only seem to judge.
LANGUAGES = {
    "Spanish": (
        ["sin duda la mejor noche", "me encantó todo", "volveré sin dudarlo", "músicos maravillosos"],
        ["una estafa total", "sonido horrible", "no volveré jamás", "qué aburrido"],
        ["el concierto empezó a las nueve", "fuimos con amigos", "había mucha gente"],
    ),
    "German": (
        ["es war großartig", "das war der schönste Abend", "sehr zu empfehlen", "tolle Stimmung"],
        ["es war schrecklich", "leider viel zu laut", "nie wieder", "rausgeworfenes Geld"],
        ["der Einlass war um acht", "wir saßen in der Mitte", "es war Freitag"],
    ),
    "Arabic": (
        ["كانت ليلة رائعة", "أنصح الجميع بالحضور", "موسيقى جميلة جدا", "سأعود بالتأكيد"],
        ["كان مملا جدا", "تنظيم سيئ للغاية", "لن أعود أبدا", "خسارة للمال"],
        ["بدأ الحفل في التاسعة", "ذهبت مع الأصدقاء", "كان المكان في وسط المدينة"],
    ),
    "Chinese": (
        ["非常精彩的演出", "强烈推荐给大家", "气氛特别好", "下次还会再来"],
        ["实在太无聊了", "浪费时间和金钱", "音响效果很差", "再也不会来了"],
        ["演出晚上八点开始", "我们和朋友一起去的", "地点在市中心"],
    ),
    "emoji": (["🎉🎉", "😍 👏", "💯"], ["👎", "😡😡", "💤"], ["🎸", "🎫 🚇", "🌙"]),
}


def _written(rng: np.random.Generator, language: str, stars: int) -> str:
    good, bad, neutral = LANGUAGES[language]
    judged = [good if rng.random() < (stars - 1) / 4 else bad for _ in range(2)]
    parts = [phrases[rng.integers(len(phrases))] for phrases in (neutral, *judged)]
    rng.shuffle(parts)
    return ("" if language == "Chinese" else " ").join(parts)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(23)


@pytest.fixture
def corpus(rng: np.random.Generator) -> tuple[list[str], Stars]:
    """Reviews of all languages mixed, of 1 to 5 stars."""
    names = list(LANGUAGES)
    stars = rng.integers(1, 6, 1_200)
    return [_written(rng, names[rng.integers(len(names))], int(star)) for star in stars], stars.astype(np.float32)


def test_stars_without_words_of_any_language_in_the_code(corpus: tuple[list[str], Stars]) -> None:
    texts, stars = corpus
    known = stars.copy()
    known[::3] = np.nan
    made = estimate_stars(texts, known)
    assert made.fitted == 800
    assert made.correlation > 0.6
    assert np.isnan(made.stars[~np.isnan(known)]).all()
    assert np.corrcoef(made.stars[::3], stars[::3])[0, 1] > 0.6
    asked = {
        "sin duda la mejor noche": 1,
        "es war großartig": 1,
        "es war schrecklich": -1,
        "أنصح الجميع بالحضور": 1,
        "لن أعود أبدا": -1,
        "我们觉得非常精彩的演出": 1,
        "真的浪费时间和金钱": -1,
        "🎉🎉": 1,
        "👎": -1,
    }
    more = estimate_stars([*texts, *asked], np.append(stars, np.full(len(asked), np.nan, np.float32)))
    middle = stars.mean()
    for (text, side), star in zip(asked.items(), more.stars[-len(asked) :], strict=True):
        assert side * (star - middle) > 0.3, (text, star)


def test_nothing_is_estimated_of_no_words(corpus: tuple[list[str], Stars]) -> None:
    texts, stars = corpus
    made = estimate_stars([*texts, "", " \n"], np.append(stars, [np.nan, np.nan]).astype(np.float32))
    assert np.isnan(made.stars).all()
    assert made.fitted == len(texts)


@pytest.mark.parametrize("enough", [False, True])
def test_nothing_is_estimated_before_enough_reviews(corpus: tuple[list[str], Stars], *, enough: bool) -> None:
    texts, stars = corpus
    known = np.full(len(texts), np.nan, np.float32)
    known[: MIN_REVIEWS - (not enough)] = stars[: MIN_REVIEWS - (not enough)]
    made = estimate_stars(texts, known)
    assert made.fitted == (MIN_REVIEWS if enough else 0)
    assert np.isfinite(made.stars).any() == enough


@pytest.mark.parametrize(
    "of",
    [
        lambda stars, rng: rng.permutation(stars),
        lambda stars, rng: np.full(len(stars), 5, np.float32),
    ],
    ids=["by chance", "always five"],
)
def test_nothing_is_estimated_where_words_do_not_tell(
    corpus: tuple[list[str], Stars],
    rng: np.random.Generator,
    of: Callable[[Stars, np.random.Generator], Stars],
) -> None:
    texts, stars = corpus
    known = np.append(of(stars, rng), np.nan).astype(np.float32)
    made = estimate_stars([*texts, "es war großartig"], known)
    assert made.fitted == len(texts)
    assert not made.correlation >= 0.2
    assert np.isnan(made.stars).all()


def test_estimates_are_stars(corpus: tuple[list[str], Stars]) -> None:
    texts, stars = corpus
    odd = ["👎" * 2_000, "sin duda " * 222, "\u0000", "ß" * 2_000, "a\tb\nc", "́" * 50]
    made = estimate_stars([*texts, *odd], np.append(stars, np.full(len(odd), np.nan, np.float32)))
    given = made.stars[-len(odd) :]
    assert ((given >= 1) & (given <= 5)).all()
