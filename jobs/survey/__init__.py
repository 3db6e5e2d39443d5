"""Survey of a store: what the documents of its collections hold, and which of Marquee's fields that may be."""
