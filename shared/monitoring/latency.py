"""Latency sketch: a histogram whose bins grow geometrically, from which any percentile follows within 1 %.

DDSketch (Masson, Rim and Lee, 2019). Sketches of instances and hours merge exactly: the sum of two has the bins of all
values together, in whichever order they are added.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

from ddsketch import CollapsingLowestDenseStore, LogarithmicMapping

from shared.entities.stored import required_numbers
from shared.errors import InvalidField

_ACCURACY: Final = 0.01
"""Relative error of a percentile."""
_BINS: Final = 2_048
"""Bins of a sketch: from 80 microseconds to a year. Faster requests share the lowest bin."""
_SHORTEST_S: Final = 1e-6
"""Latency that shorter ones, and clocks that went back, count as, seconds; the logarithm of 0 is not defined."""
_LONGEST_S: Final = 86_400.0
"""Latency that longer ones count as, seconds: no request takes a day."""
_MAPPING: Final = LogarithmicMapping(_ACCURACY)
_KEY: Final = re.compile(r"-?[0-9]{1,9}")
_LOWEST, _HIGHEST = _MAPPING.key(_SHORTEST_S), _MAPPING.key(_LONGEST_S)


class LatencySketch:
    """Latencies in seconds, as counts by bin.

    Attributes
    ----------
    bins : counts by bin.

    >>> sketch = LatencySketch.of([0.010] * 98 + [0.5, 0.5])
    >>> round(sketch.percentile(50), 3), round(sketch.percentile(99), 2)
    (0.01, 0.5)
    """

    def __init__(self) -> None:
        self.bins = CollapsingLowestDenseStore(_BINS)

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Self:
        """Sketch of these latencies."""
        sketch = cls()
        for value in seconds:
            sketch.add(value)
        return sketch

    @property
    def count(self) -> int:
        """Number of latencies."""
        return int(self.bins.count)

    def add(self, seconds: float) -> None:
        """Count one latency."""
        self.bins.add(_MAPPING.key(min(max(seconds, _SHORTEST_S), _LONGEST_S)))

    def merge(self, other: "LatencySketch") -> None:
        """Count all latencies of another sketch as well, which stays as it is."""
        self.bins.merge(other.bins)

    def percentile(self, percent: float) -> float:
        """Latency in seconds that `percent` (0..100) of the requests do not exceed; NaN for an empty sketch."""
        if not self.count:
            return float("nan")
        key = self.bins.key_at_rank(percent / 100 * (self.count - 1))
        return float(_MAPPING.value(key))

    def to_document(self) -> dict[str, int]:
        """Stored form: counts by bin, without empty bins."""
        offset = self.bins.offset
        return {str(place + offset): int(count) for place, count in enumerate(self.bins.bins) if count}

    @classmethod
    def from_document(cls, document: Mapping[str, Any], name: str) -> Self:
        """Sketch from its stored form, a field `name` of `document`; raises `InvalidField` for what is none."""
        sketch = cls()
        for key, count in required_numbers(document, name).items():
            if not _KEY.fullmatch(key) or not _LOWEST <= int(key) <= _HIGHEST or not 0 < count == int(count):
                raise InvalidField(f"{name}.{key}", count, f"a count of a bin in {_LOWEST}..{_HIGHEST}")
            sketch.bins.add(int(key), int(count))
        return sketch
