"""Core of Marquee: entities, pure recommender code on arrays, the services that use it, ports and adapters."""
