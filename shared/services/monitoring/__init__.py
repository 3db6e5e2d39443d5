"""Monitoring services: figures that instances leave in the bucket, hourly roll-ups, alerts and daily reports."""
