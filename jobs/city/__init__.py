"""Halvora, a city that does not exist: its venues, programme, people and what they do. Pure; chance comes in."""
