"""The shell: one file for each deployed function."""
