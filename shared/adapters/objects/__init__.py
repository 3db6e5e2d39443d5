"""Named objects: a folder and Cloud Storage."""
