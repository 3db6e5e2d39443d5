"""Everything that can go wrong, as one tree.

MarqueeError
├── InvalidField        a document, a row or a parameter holds a value that cannot be accepted
│   └── TooLarge        a request holds more than is taken at once
├── TooMany             somebody sends more than is taken from them in this time
├── Unauthenticated     a request needs a verified user and has none
├── Forbidden           a verified user asks for what is not theirs
├── NotFound            a named thing does not exist
├── SettingsError       a setting cannot be used; raised at start-up
├── ArtifactError       a stored model is missing, damaged or from another format
├── Conflict            a conditional write lost against another writer
├── StoreUnavailable    a store did not answer, or not in time; trying again may help
└── DeadlineExceeded    a run would take longer than it may

`functions/responses.py` holds the only table from these types to HTTP statuses.
"""

_SHOWN = 80


class MarqueeError(Exception):
    """Root of all errors raised on purpose."""


class InvalidField(MarqueeError):
    """A field's value cannot be accepted.

    Parameters
    ----------
    field : the name of the field, as in documents, CSV columns and query strings.
    got : the offending value; long values are shortened in the message.
    expected : what would have been accepted.
    """

    def __init__(self, field: str, got: object, expected: str) -> None:
        self.field = field
        self.expected = expected
        self.reason = f"expected {expected}, got {_shown(got)}"
        super().__init__(f"{field}: {self.reason}")


class TooLarge(InvalidField):
    """Raised when a request's body or a list in it is larger than is taken at once."""


class TooMany(MarqueeError):
    """Somebody sends more than is taken from them in a stretch of time.

    Parameters
    ----------
    retry_after_s : seconds until they may send again.
    """

    def __init__(self, message: str, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


def _shown(got: object) -> str:
    try:
        shown = repr(got)
    except (RecursionError, ValueError):  # nested too deep, or an integer of too many digits
        return f"a value of type {type(got).__name__}"
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}… ({len(shown)} characters)"


class Unauthenticated(MarqueeError):
    """Raised when a request has no ID token where one is needed, or one that does not verify."""


class Forbidden(MarqueeError):
    """Raised when a verified user asks for another user's data without the claim for it."""


class NotFound(MarqueeError):
    """Raised when a route, an event or a model version does not exist."""


class SettingsError(MarqueeError):
    """Raised at start-up; the message names the environment variable."""


class ArtifactError(MarqueeError):
    """Raised when a stored model cannot be used; the message names the object and the array."""


class Conflict(MarqueeError):
    """Raised by a conditional write whose condition no longer holds."""


class StoreUnavailable(MarqueeError):
    """Raised by adapters when a store is out of reach or too slow."""


class DeadlineExceeded(MarqueeError):
    """Raised by a long run that stops itself in time, rather than being stopped halfway."""
