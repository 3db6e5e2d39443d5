"""Pure models on numpy and scipy: no I/O, no clock, no randomness that is not an argument."""
