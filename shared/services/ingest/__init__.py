"""Ingestion: recording and counting of interactions, bulk load, sign-in, and erasure of user data."""
