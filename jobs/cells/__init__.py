"""Cells of spreadsheets as values: times, numbers, lists; what a cell alone does not tell is told by its column."""
