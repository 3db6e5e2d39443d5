"""States: the last word of several interactions about a target."""

from collections.abc import Iterable

from shared.entities import Interaction


def last_words(interactions: Iterable[Interaction]) -> dict[str, Interaction]:
    """Interactions by id, of several with an id the one that replaces the others, else the first."""
    last: dict[str, Interaction] = {}
    for interaction in interactions:
        before = last.setdefault(interaction.interaction_id, interaction)
        if interaction.replaces(before):
            last[interaction.interaction_id] = interaction
    return last
