"""Simulated users: which events of a list they look at, click, book, dismiss and rate. Pure functions of chance.

A user clicks an event of a list that they examine and find attractive (position-based model; Richardson, Dominowska,
Ragno: "Predicting clicks", 2007). Each event seen in vain becomes less attractive.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_INDIFFERENT: Final = 2.2
"""Utility of an event that half of those who examine it click."""
_WORDS: Final = (
    "Left at the break. Never again!",
    "Too loud, too long, too full.",
    "Not bad; the bar was nice.",
    "A good evening, well worth it.",
    "The best night of the year 🎉",
)
"""Words of reviews, from one star to five."""
_REPELLENT: Final = -1.0
"""Utility below which an examined event may be dismissed."""


@dataclass(frozen=True, slots=True)
class Habits:
    """Habits that all users share; the chances are 0..1.

    Attributes
    ----------
    position_bias : exponent of the chance to examine position k, (1 + k)^−bias.
    fatigue : utility that an event loses per doubling of the times that it was examined in vain.
    visits : chance of a visit a day.
    dismisses : chance to dismiss an examined event of no use.
    books_later : chance that a booking is made at a later visit, which no list is named for.
    names_list : chance that a booking made at once names its list.
    wanders : chance that a visit looks at an event which no list has shown.
    cancels, attends, rates, reviews : chances of a booking to be cancelled, of one that is not to be attended, of an
        attended event to be rated, and of a rated one to be reviewed.
    stars_in_reviews : share of events whose reviews have stars, which then differ by one from those of the rating.
    signs_in_late : chance that a visit is that of a visitor, who signs in the same evening.
    """

    position_bias: float = 0.8
    fatigue: float = 0.8
    visits: float = 0.4
    dismisses: float = 0.05
    books_later: float = 0.25
    names_list: float = 0.7
    wanders: float = 0.3
    cancels: float = 0.07
    attends: float = 0.8
    rates: float = 0.5
    reviews: float = 0.4
    stars_in_reviews: float = 0.0
    signs_in_late: float = 0.0

    def examination(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Chance to examine each position, 0 for the first, float64 of the shape of `positions`."""
        return np.asarray((1.0 + positions) ** -self.position_bias)

    def attraction(self, utilities: NDArray[np.float64], seen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Chance to click an examined event, float64 of the shape of `utilities`, which was `seen` in vain so often."""
        return _sigmoid(utilities - _INDIFFERENT - self.fatigue * np.log2(1.0 + seen))

    def booking(self, utilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Chance to book a clicked event, float64 of the shape of `utilities`."""
        return _sigmoid(0.9 * utilities - 2.0)

    def dismissal(self, utilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Chance to dismiss an examined event that was not clicked, float64 of the shape of `utilities`."""
        return np.where(utilities < _REPELLENT, self.dismisses, 0.0)


def stars(utility: float, noise: float) -> int:
    """Stars of an attended event, 1..5; `noise` is standard normal."""
    return int(np.clip(np.rint(2.7 + 0.5 * utility + 0.8 * noise), 1, 5))


def review(worth: int) -> str:
    """Words of a review of an event that is worth 1 to 5 stars."""
    return _WORDS[worth - 1]


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))
