"""Development tools: what `make` runs beside the jobs."""
