"""Hypothesis profile without deadlines, since test machines may be busy."""

from hypothesis import HealthCheck, settings

settings.register_profile("marquee", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("marquee")
