"""Array utilities on numpy, without domain knowledge: vocabularies, positions, sparse matrices, truncated SVD."""
