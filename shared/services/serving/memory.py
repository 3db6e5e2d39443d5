"""Memory of the process: pages that the allocator keeps after large arrays are freed go back to the system."""

import ctypes


def give_back() -> bool:
    """Return free pages to the system, where the C library can (glibc's `malloc_trim`); whether it could.

    Arrays below 32 MB come from the heap, whose freed parts would stay with the process: with a million events, 150 MB
    after a change.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return False
    trim(0)
    return True
