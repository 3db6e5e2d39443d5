"""Deployed Cloud Functions, a module each, and the HTTP layer of the API."""

import os
from typing import Final

THREADS: Final = int(os.environ.get("THREADS") or 16)
"""Requests at once that an instance of `api` serves, `concurrency` in `functions.yaml`; the server reads the variable.

A request that waits for a store holds a thread, and no processor: with few threads some writes to a store that hangs
would leave none for lists that can do without it. Each thread takes some 100 kB.
"""

# Set before numpy is imported: requests run on several threads and each computes small matrix products, for which a
# single BLAS thread is fastest, starts fastest and takes least memory. Training runs alone and uses all threads.
if os.environ.get("FUNCTION_TARGET", "api") == "api":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # functions-framework reads it after it has imported the function.
    os.environ.setdefault("THREADS", str(THREADS))
