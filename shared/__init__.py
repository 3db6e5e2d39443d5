"""Marquee's core: entities, pure models and analysis, the services that use them, and the adapters."""
