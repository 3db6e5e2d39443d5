"""Object store port: named objects in a bucket."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from shared.errors import ArtifactError, Conflict, StoreUnavailable


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


def read_named(objects: ObjectStore, names: Iterable[str], *, index: str, remedy: str) -> Iterator[tuple[str, bytes]]:
    """Objects that an index names, as (name, content), read lazily; raises `ArtifactError` for a missing one.

    Parameters
    ----------
    index : name of the index, and `remedy`, what helps where an object is missing, for the error.
    """
    for name in names:
        blob = objects.read(name)
        if blob is None:
            raise ArtifactError(f"{name}: {index} names it, but it is not there; {remedy}")
        yield name, blob.data


def read_or_make(objects: ObjectStore, name: str, make: Callable[[], bytes]) -> Blob:
    """Object that is made once: stored with what `make` gives where there is none, and the first one ever after.

    Raises `StoreUnavailable` where another writer was first and the object is gone again.
    """
    if found := objects.read(name):
        return found
    made = make()
    try:
        return Blob(made, objects.write(name, made, generation=0))
    except Conflict:
        found = objects.read(name)
    if found is None:
        raise StoreUnavailable(f"{name} was written and is not there; try again")
    return found
