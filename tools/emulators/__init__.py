"""Emulators of Firebase and Google Cloud: alone, and as a suite with the whole app."""
