"""The only modules that touch Google or the disk."""
