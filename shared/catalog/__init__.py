"""Event catalog as columns: numbers, categorical attributes, TF-IDF attributes and tags of events."""
