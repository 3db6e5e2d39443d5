"""Checked arrays of an artifact: dtype, shape and range of each, before anything computes with them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_NAN_OR_INFINITE: Final = 0x7C00
"""Bits of the exponent of a float16 that is NaN or infinite; the sign is the bit above."""
_NEGATIVE: Final = 0x8000


def checked(
    arrays: Mapping[str, NDArray[Any]],
    name: str,
    dtype: str,
    *shape: int,
    low: float | None = None,
    high: float | None = None,
    is_ascending: bool = False,
    has_unknown: bool = False,
) -> NDArray[Any]:
    """Array `name` as it is, if it is what a model stores; raises `ValueError` saying what was expected otherwise.

    Parameters
    ----------
    dtype : dtype in numpy's notation; "S" for bytes of any length.
    shape : the shape; -1 for a dimension of any size.
    low, high : range of all values, both included; None for any finite number. inf admits infinite values.
    is_ascending : whether the values are distinct and in ascending order.
    has_unknown : whether NaN is a value, which means unknown.

    >>> checked({"price": np.array([1.0, np.inf])}, "price", "f8", 2)
    Traceback (most recent call last):
    ValueError: price: expected finite numbers, got inf
    """
    if name not in arrays:
        raise ValueError(f"{name}: expected an array, got none")
    array = arrays[name]
    fits = len(array.shape) == len(shape) and all(
        wanted in (-1, size) for wanted, size in zip(shape, array.shape, strict=True)
    )
    is_of_kind = array.dtype.kind == "S" if dtype == "S" else array.dtype == np.dtype(dtype)
    if not fits or not is_of_kind:
        expected = f"{dtype} of shape ({', '.join('any' if size < 0 else f'{size}' for size in shape)})"
        raise ValueError(f"{name}: expected {expected}, got {array.dtype.str.lstrip('<|=')} of shape {array.shape}")
    if array.size and array.dtype.kind in "iuf":
        _check_range(name, array, low, high, has_unknown=has_unknown)
    if is_ascending and not bool(np.all(array[1:] > array[:-1])):
        raise ValueError(f"{name}: expected distinct values in ascending order")
    return array


def checked_offsets(arrays: Mapping[str, NDArray[Any]], name: str, n_rows: int, n_entries: int) -> NDArray[np.int64]:
    """Offsets of a ragged array, int64 of shape (n_rows + 1,), ascending from 0 to `n_entries`; see `checked`."""
    starts = checked(arrays, name, "i8", n_rows + 1, low=0, high=n_entries)
    if starts[0] != 0 or starts[-1] != n_entries or not bool(np.all(starts[1:] >= starts[:-1])):
        raise ValueError(f"{name}: expected offsets that ascend from 0 to {n_entries}")
    return starts


def checked_ids(arrays: Mapping[str, NDArray[Any]], name: str, *shape: int) -> NDArray[np.bytes_]:
    """Ids or names as UTF-8 bytes, distinct and ascending; see `checked`."""
    keys = checked(arrays, name, "S", *(shape or (-1,)), is_ascending=True)
    # Most ids are ASCII, which is seen without a copy. No character ends within a separator.
    if keys.size and bool((np.ascontiguousarray(keys).view(np.uint8) >= 0x80).any()):
        try:
            b"\n".join(keys.tolist()).decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"{name}: expected UTF-8, got {error}") from error
    return keys


@contextmanager
def named(prefix: str) -> Iterator[None]:
    """Names in errors of `checked` within the block, with `prefix` before them, see `attributes.prefixed`."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{prefix}{error}") from error


def _check_range(name: str, array: NDArray[Any], low: float | None, high: float | None, *, has_unknown: bool) -> None:
    if array.dtype == np.float16 and low is None and high is None:
        # Comparisons of half precision take ten times as long as those of the same bits as integers.
        signed, unsigned = array.view(np.int16), array.view(np.uint16)
        if int(signed.max()) >= _NAN_OR_INFINITE or int(unsigned.max()) >= _NAN_OR_INFINITE + _NEGATIVE:
            raise ValueError(f"{name}: expected finite numbers, got NaN or infinity")
        return
    # NaN is the result of both if it is among the values; fmin and fmax pass over it.
    least, most = (np.fmin, np.fmax) if has_unknown else (np.minimum, np.maximum)
    ends = least.reduce(array, None), most.reduce(array, None)
    if has_unknown and np.isnan(ends[0]):
        return
    for value in ends:
        # Without a limit, only infinity is too much. The comparison with NaN is false.
        is_high_enough = value >= low if low is not None else value > -np.inf
        is_low_enough = value <= high if high is not None else value < np.inf
        if not is_high_enough or not is_low_enough:
            limits = [f"{end:g}" for end in (low, high) if end is not None]
            expected = f"numbers from {' to '.join(limits)}" if limits else "finite numbers"
            raise ValueError(f"{name}: expected {expected}, got {value:g}")
