"""Object names, valid on a disk and in a bucket."""

import re

from shared.errors import InvalidField

_SEGMENT = r"[A-Za-z0-9_=-][A-Za-z0-9._=-]*"
_NAME = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_PREFIX = re.compile(rf"({_SEGMENT}/)*({_SEGMENT})?")
_MAX_LENGTH = 500


def check_name(name: str) -> str:
    """Validated object name: a relative path of plain segments, none beginning with a dot; raises `InvalidField`."""
    if len(name) > _MAX_LENGTH or not _NAME.fullmatch(name):
        raise InvalidField("name", name, "letters, digits and ._=- in segments that do not begin with a dot")
    return name


def check_prefix(prefix: str) -> str:
    """Validated prefix with which an object name can begin; raises `InvalidField`."""
    if len(prefix) > _MAX_LENGTH or not _PREFIX.fullmatch(prefix):
        raise InvalidField("prefix", prefix, "the beginning of a name")
    return prefix
