"""Text generator: titles and descriptions of events from the word lists of a theme."""

from typing import Final

import numpy as np

from jobs.city.organizers import Organizer
from jobs.city.places import Venue

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def title(pattern: str, subject: str, venue: Venue, weekday: int) -> str:
    """Title of an event, from a pattern of its topic."""
    return _sentence(pattern.format(subject=subject, venue=venue.name, area=venue.area, weekday=_WEEKDAYS[weekday]))


def description(rng: np.random.Generator, organizer: Organizer, subject: str, venue: Venue) -> str:
    """Description of an event in two to four sentences: opening, details, invitation, closing."""
    theme, topic = organizer.theme, organizer.topic
    words = {"subject": subject, "venue": venue.name, "area": venue.area}
    sentences = [str(rng.choice(theme.openings)), str(rng.choice(topic.details))]
    if rng.random() < 0.5:
        sentences.append(f"{organizer.name} invites you to {venue.name} in {venue.area}.")
    if rng.random() < 0.6:
        sentences.append(str(rng.choice(theme.closings)))
    return " ".join(_sentence(sentence.format(**words)) for sentence in sentences)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
