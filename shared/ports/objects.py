"""Named objects in a bucket."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Blob:
    """An object's bytes and its generation, which changes with every write."""

    data: bytes
    generation: int


class ObjectStore(Protocol):
    """Named immutable objects and one movable pointer."""

    def read(self, name: str) -> Blob | None:
        """An object, None when there is none."""

    def write(self, name: str, data: bytes, *, generation: int) -> int:
        """Write if the object's generation is still `generation`, 0 meaning that it must not exist.

        Returns the new generation; raises `Conflict` when another writer was first.
        """

    def names(self, prefix: str) -> list[str]:
        """Names that begin with `prefix`, sorted."""

    def delete(self, name: str) -> None:
        """Delete an object; one that is not there is fine."""
