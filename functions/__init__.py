"""The shell: one file for each deployed function."""

import os

# Before numpy is imported: requests are served by several threads, and each product of theirs is small, so one thread
# a product is fastest, starts fastest and holds least memory. Training runs alone and takes all there are.
if os.environ.get("FUNCTION_TARGET", "api") == "api":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
