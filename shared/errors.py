"""Exception hierarchy: all errors that Marquee raises on purpose.

MarqueeError
├── InvalidField        a document, a row or a parameter holds a value that cannot be accepted
│   ├── UnknownField    a document or a request has a field or parameter that is not known
│   └── TooLarge        a request is larger than is accepted at once
├── TooMany             a sender exceeds its rate limit
├── TooSlow             a request does not arrive in time
├── Unauthenticated     a request needs a verified user and has none
├── Forbidden           a verified user asks for another user's data
├── NotFound            a route, an event or a model version does not exist
├── SettingsError       a setting cannot be used; raised at start-up
├── ArtifactError       a stored model, ledger or run document is missing, damaged or in another format
├── Conflict            a conditional write lost the race against another writer
├── StoreUnavailable    a store did not answer, or not in time; a retry may help
└── DeadlineExceeded    a training run has reached its deadline

`functions/responses.py` holds the only table from these types to HTTP statuses.
"""

import traceback
from typing import Self

import regex

_SHOWN = 80
_FRAMES = 8
"""Lines of a traceback in the description of an unexpected error."""
_GRAPHEME = regex.compile(r"\X")


class MarqueeError(Exception):
    """Base class of all errors that are raised on purpose."""

    def for_log(self) -> str:
        """Message for logs and stored records: without values of documents and requests, which are about users."""
        return str(self)


class InvalidField(MarqueeError):
    """Validation error: the value of a field cannot be accepted.

    Parameters
    ----------
    field : name of the field, as in documents, CSV columns and query strings.
    got : the offending value; long values are shortened in the message.
    expected : description of acceptable values.
    """

    def __init__(self, field: str, got: object, expected: str) -> None:
        self.field = field
        self.name = field
        self.expected = expected
        self.reason = f"expected {expected}, got {shown(got)}"
        super().__init__(f"{field}: {self.reason}")

    def known_as(self, name: str) -> Self:
        """Error with a message that also gives the name that the field has in the document: itself.

        >>> print(InvalidField("starts_at", "soon", "a time").known_as("startsAt"))
        starts_at (startsAt): expected a time, got 'soon'
        """
        self.name = f"{self.field} ({name})"
        self.args = (f"{self.name}: {self.reason}",)
        return self

    def for_log(self) -> str:
        """Message without the value."""
        return f"{self.name}: expected {self.expected}"


class UnknownField(InvalidField):
    """Validation error: a field or parameter is not known, so that its name may be any text."""

    def for_log(self) -> str:
        """Message without the name and the value."""
        return f"an unknown field: expected {self.expected}"


class TooLarge(InvalidField):
    """Size error: a request's body, or a list in it, is larger than is accepted at once."""


class TooMany(MarqueeError):
    """Rate limit error: a sender exceeds its quota for the current period.

    Parameters
    ----------
    retry_after_s : seconds until the sender may send again.
    """

    def __init__(self, message: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class TooSlow(MarqueeError):
    """Time limit error: a request does not arrive in time."""


def shown(got: object) -> str:
    """Value as messages show it: its `repr`, shortened."""
    try:
        text = repr(got)
    except (RecursionError, ValueError):  # nested too deep, or an integer of too many digits
        return f"a value of type {type(got).__name__}"
    return text if len(text) <= _SHOWN else f"{shortened(text, _SHOWN)} ({len(text)} characters)"


def shortened(text: str, length: int) -> str:
    """Text cut between graphemes to at most `length` characters, with an ellipsis after it; unchanged if it fits.

    >>> shortened("👩🏽‍🚀🚀", 4)
    '👩🏽‍🚀…'
    """
    if len(text) <= length:
        return text
    end = 0
    for grapheme in _GRAPHEME.finditer(text):
        if grapheme.end() > length:
            break
        end = grapheme.end()
    return f"{text[:end]}…"


class Unauthenticated(MarqueeError):
    """Authentication error: a request lacks a token that it needs, or its token does not verify."""


class Forbidden(MarqueeError):
    """Authorization error: a verified user asks for another user's data without the claim for it."""


class NotFound(MarqueeError):
    """Lookup error: a route, an event or a model version does not exist."""

    def for_log(self) -> str:
        """Message without what was asked for."""
        return str(self).partition(", got ")[0]


class SettingsError(MarqueeError):
    """Configuration error, raised at start-up; the message names the variable, or table and key of a file."""


class ArtifactError(MarqueeError):
    """Artifact error: a stored object is missing, damaged or in another format; the message names it and the array."""


class Conflict(MarqueeError):
    """Write conflict: the condition of a conditional write (compare-and-swap) does not hold."""


class StoreUnavailable(MarqueeError):
    """Store outage, raised by adapters: a store is out of reach, damaged or too slow.

    Parameters
    ----------
    retry_after_s : seconds after which a retry may help.
    """

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class DeadlineExceeded(MarqueeError):
    """Deadline error of a long run, which stops itself before the platform stops it halfway."""


def described(error: BaseException) -> str:
    """Description of an error for logs and stored records.

    That of an error that is raised on purpose is `MarqueeError.for_log`; of any other its type and where it was raised,
    innermost first, since its message may hold anything.
    """
    if isinstance(error, MarqueeError):
        return error.for_log()
    lines = [f"{frame.f_code.co_filename}:{line}" for frame, line in traceback.walk_tb(error.__traceback__)]
    return " < ".join([type(error).__name__, *lines[: -_FRAMES - 1 : -1]])
