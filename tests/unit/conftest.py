"""How Hypothesis runs: machines that test may be busy, so time says nothing."""

from hypothesis import HealthCheck, settings

settings.register_profile("marquee", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("marquee")
