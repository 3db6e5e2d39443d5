"""Accounts whose interactions models learn from: established ones, of users who may be profiled.

Accounts are free, so what somebody does with many fresh ones must not weigh at once.
"""

from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.entities import Interaction, Origin, anonymous
from shared.feedback.interactions import DAY_S, ORIGINS, InteractionColumns

MAX_AGE: Final = timedelta(days=7)
"""Age limit of an interaction that a client sends: what is older when recorded, and names no origin, was loaded."""

OLD_ENOUGH: Final = timedelta(days=1)
"""Age of an account from its first interaction, from which it is established."""


def is_loaded(interaction: Interaction) -> bool:
    """Origin of a stored interaction: True if a bulk load has written it, which counts what it writes.

    Earlier versions did not say so: theirs is what is older than clients may send.
    """
    if interaction.origin is not Origin.CLIENT:
        return interaction.origin is Origin.LOAD
    recorded_at = interaction.recorded_at
    return recorded_at is not None and recorded_at - interaction.occurred_at > MAX_AGE


def of_profiled(columns: InteractionColumns, unprofiled: NDArray[np.bytes_]) -> InteractionColumns:
    """Columns without the interactions of users who do not wish to be profiled, whose ids are given as UTF-8 bytes."""
    is_profiled = ~np.isin(columns.users.keys, unprofiled)
    return columns if is_profiled.all() else columns.where(is_profiled[columns.user_rows])


def learned(columns: InteractionColumns, unprofiled: NDArray[np.bytes_], *, now: datetime) -> InteractionColumns:
    """Columns of what models learn from at `now`: what occurred before, of established accounts that may be profiled.

    Parameters
    ----------
    unprofiled : ids of the users who do not wish to be profiled, UTF-8 bytes.
    """
    past = columns.where(columns.occurred_at < now.timestamp())
    return of_established(of_profiled(past, unprofiled), now=now)


def of_established(columns: InteractionColumns, *, now: datetime) -> InteractionColumns:
    """Columns of the interactions of established accounts: without visitors and accounts of a single day at `now`.

    An account is established when its first interaction is a day old, or when it acted on two UTC days, by the store's
    clock, since a client chooses its own times. So is one of which anything was loaded, however lately that occurred:
    the operator vouches for it. What a visitor did counts from the sign-in.
    """
    is_established = established(columns, now=now)
    return columns if is_established.all() else columns.where(is_established[columns.user_rows])


def established(columns: InteractionColumns, *, now: datetime) -> NDArray[np.bool_]:
    """Mask of the established accounts, bool of shape (len(columns.users),)."""
    is_recent = columns.recorded_at - columns.occurred_at <= MAX_AGE.total_seconds()
    is_unknown = (columns.origins == ORIGINS[Origin.CLIENT]) & ~is_recent
    is_loaded = (columns.origins == ORIGINS[Origin.LOAD]) | is_unknown | np.isnan(columns.recorded_at)
    acted_at = np.where(is_loaded, -np.inf, columns.recorded_at)
    n = len(columns.users)
    first, last = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(first, columns.user_rows, acted_at)
    np.maximum.at(last, columns.user_rows, acted_at)
    is_account = ~np.char.startswith(columns.users.keys, anonymous("").encode())
    is_old = first <= now.timestamp() - OLD_ENOUGH.total_seconds()
    # Users of the vocabulary without an interaction have no last day, which is not later than the first.
    mask: NDArray[np.bool_] = is_account & (is_old | (np.floor(first / DAY_S) < np.floor(last / DAY_S)))
    return mask
