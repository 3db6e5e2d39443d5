"""Interaction types: a table of each type's meaning for ids, history, counts, training, evaluation and lists."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """Meaning of an interaction type for ids, histories, counts, training, evaluation and lists.

    Attributes
    ----------
    target : the field that names the interaction's target and must be given: `event_id`, `organizer_id`, `query` or
        `category`.
    weight : confidence that the user likes the event (or organizer), −1..1, below 0 for negative feedback; where the
        interaction has stars it follows from them, see `feedback/weights.py`.
    has_stars : whether the interaction's value is the user's judgement of the event, 1 to 5 stars.
    repeats : whether an interaction on another day counts again. The other types last: a user and a target have one
        state of their family (see `InteractionType.family`), the latest, which replaces earlier ones.
    is_hit : whether offline evaluation counts it as a hit, and learning to rank as a positive; a user with a hit is
        warm.
    takes_event : whether the user has consumed the event by it, so that lists leave the event out.
    hides_event : whether the user does not want to see the event again.
    is_remembered : whether it belongs in the user's history.
    leads : whether a later booking of the event is credited to the list that it followed from, see
        `monitoring/attribution.py`.
    converts : whether it is what lists are meant to lead to.
    undoes : the type that it reverts and whose family it belongs to, "" for none.
    verb : past tense for reasons ("because you booked …"), "" for types that are no reason.
    """

    target: str = "event_id"
    weight: float = 0.0
    has_stars: bool = False
    repeats: bool = False
    is_hit: bool = False
    takes_event: bool = False
    hides_event: bool = False
    is_remembered: bool = True
    leads: bool = False
    converts: bool = False
    undoes: str = ""
    verb: str = ""


_PLAIN = Meaning()


class InteractionType(StrEnum):
    """Interaction type with its meaning. The order is part of the ledger's and the model's format: append only.

    `firestore.rules` names the types as well, since clients may write interactions themselves.

    >>> InteractionType("booking").meaning.verb
    'booked'
    """

    _value_: str
    meaning: Meaning

    def __new__(cls, value: str, meaning: Meaning = _PLAIN) -> Self:
        """Enum member whose value is the string alone."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    @property
    def family(self) -> str:
        """Family of types that replace each other, named by the type that the others of it revert.

        >>> InteractionType("cancel").family
        'booking'
        """
        return self.meaning.undoes or self.value

    IMPRESSION = "impression", Meaning(repeats=True, is_remembered=False)
    VIEW = "view", Meaning(weight=0.1, repeats=True, leads=True, verb="viewed")
    CLICK = "click", Meaning(weight=0.2, repeats=True, leads=True, verb="looked at")
    SAVE = "save", Meaning(weight=0.8, is_hit=True, verb="saved")
    SHARE = "share", Meaning(weight=0.6, repeats=True, verb="shared")
    BOOKING = "booking", Meaning(weight=1.0, is_hit=True, takes_event=True, converts=True, verb="booked")
    ATTEND = "attend", Meaning(weight=1.0, is_hit=True, takes_event=True, verb="went to")
    CANCEL = "cancel", Meaning(weight=-0.8, undoes="booking")
    RATING = "rating", Meaning(has_stars=True, verb="liked")
    REVIEW = "review", Meaning(weight=0.5, has_stars=True, verb="reviewed")
    FOLLOW = "follow", Meaning(target="organizer_id", weight=1.0)
    DISMISS = "dismiss", Meaning(weight=-1.0, hides_event=True)
    SEARCH = "search", Meaning(target="query", repeats=True)
    CATEGORY_CLICK = "category_click", Meaning(target="category", repeats=True)
    UNSAVE = "unsave", Meaning(undoes="save")
    UNFOLLOW = "unfollow", Meaning(target="organizer_id", undoes="follow")
    UNDISMISS = "undismiss", Meaning(undoes="dismiss")
