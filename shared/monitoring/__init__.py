"""Monitoring: what happened in a deployment, as figures that add up, alerts and daily reports; pure functions."""
