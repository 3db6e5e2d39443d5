"""Object store port: named objects in a bucket."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Blob:
    """Object content and its generation number, which changes with every write."""

    data: bytes
    generation: int


class ObjectStore(Protocol):
    """Object store with conditional writes: artifacts never change, pointers move by compare-and-swap."""

    def read(self, name: str) -> Blob | None:
        """Content and generation of an object, None when it does not exist."""

    def write(self, name: str, data: bytes, *, generation: int) -> int:
        """Conditional write (compare-and-swap) if the generation is still `generation`; 0: the object must not exist.

        Returns the new generation; raises `Conflict` when another writer was first.
        """

    def names(self, prefix: str) -> list[str]:
        """Object names that begin with `prefix`, sorted."""

    def delete(self, name: str) -> None:
        """Deletion of an object; a missing object is no error."""
