"""Deployed Cloud Functions, a module each, and the HTTP layer of the API."""

import os

# Set before numpy is imported: requests run on several threads and each computes small matrix products, for which a
# single BLAS thread is fastest, starts fastest and takes least memory. Training runs alone and uses all threads.
if os.environ.get("FUNCTION_TARGET", "api") == "api":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
