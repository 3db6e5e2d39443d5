"""Simulator of an app on a deployment: users with tastes ask for lists and act on them, by a simulated clock."""
