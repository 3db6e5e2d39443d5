"""Object stores: a folder and Cloud Storage."""
