"""One use case a file: gather inputs, call the pure core, apply the outcome."""
