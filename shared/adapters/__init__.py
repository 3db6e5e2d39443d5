"""Adapters: the ports on Google Cloud, SQLite and the file system; the rest of `shared` uses no network and no disk."""
