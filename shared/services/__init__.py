"""Application services, one use case a file: gather inputs, call the pure core, save the result."""
