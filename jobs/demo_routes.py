"""Routes of the demo's server beside the API: personas, places, events and profiles.

A deployed page reads events and profiles from Firestore, under its rules, and signs people in. The demo has neither, so
its page names the user it looks as. No function serves any of this.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Final

from flask import Blueprint, Response, request

from functions import responses
from functions.wiring import Services
from jobs.city.places import NEIGHBOURHOODS, to_location
from jobs.personas import NAMES, choose, last_actions
from shared.entities import Profile, User
from shared.errors import InvalidField, MarqueeError

_MAX_USERS: Final = 2_000
"""Users that are looked at for personas and suggested by id: all of the generated city, a part of larger data."""
_MAX_EVENTS: Final = 100
_TOLD_ACTIONS: Final = 3
_PATIENCE_S: Final = 5.0
_EDITABLE: Final = ("preferred_categories", "preferred_tags", "max_price", "location")


@dataclass(frozen=True, slots=True)
class Town:
    """Names that the loaded data lacks: of personas, in their order, and of places, with latitude and longitude."""

    names: Sequence[str] = ()
    places: Sequence[tuple[str, float, float]] = ()


def generated_town() -> Town:
    """Town of the generated city."""
    centres = [(area.name, to_location(area.east_km, area.north_km)) for area in NEIGHBOURHOODS]
    return Town(NAMES, [(name, place.lat, place.lng) for name, place in centres])


def demo_routes(wired: Services, town: Town) -> Blueprint:
    """Routes under `/demo` over the stores of the demo."""
    routes = Blueprint("demo", __name__, url_prefix="/demo")
    users, events = wired.documents.users, wired.documents.events

    @cache
    def chosen() -> list[str]:
        return choose(islice(users.profiles(), _MAX_USERS))

    def persona(user_id: str, name: str) -> dict[str, Any]:
        profile = users.profile(user_id, timeout_s=_PATIENCE_S)
        actions = [
            {"type": type_.value, "event_id": event_id, "title": event.title or event_id}
            for type_, event_id in last_actions(profile, _TOLD_ACTIONS)
            if (event := events.get(event_id))
        ]
        return {"name": name or user_id, **_shown(profile), "actions": actions}

    @routes.errorhandler(MarqueeError)
    def refused(error: MarqueeError) -> Response:
        return responses.problem(error)

    @routes.get("/users")
    def suggested() -> Response:
        return _listed([user.user_id for user in islice(users.changed_since(None), _MAX_USERS)])

    @routes.get("/personas")
    def personas() -> Response:
        names = [*town.names, *[""] * len(chosen())]
        return _listed([persona(user_id, name) for user_id, name in zip(chosen(), names, strict=False)])

    @routes.get("/places")
    def places() -> Response:
        return _listed([{"name": name, "lat": lat, "lng": lng} for name, lat, lng in town.places])

    @routes.get("/events")
    def documents() -> Response:
        found = [events.get(event_id) for event_id in request.args.getlist("event_id")[:_MAX_EVENTS]]
        return _listed(
            [{"event_id": event.event_id, **event.to_document()} for event in found if event and event.is_visible()]
        )

    @routes.get("/users/<user_id>")
    def profile_of(user_id: str) -> Response:
        return responses.ok(_shown(users.profile(user_id, timeout_s=_PATIENCE_S)))

    @routes.put("/users/<user_id>")
    def declare(user_id: str) -> Response:
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise InvalidField("body", body, "an object of JSON with the profile's fields")
        before = users.profile(user_id, timeout_s=_PATIENCE_S).user.to_document()
        declared = {name: body[name] for name in _EDITABLE if name in body}
        user = User.from_document(user_id, {"created_at": wired.now(), **before, **declared})
        users.put([user], now=wired.now())
        return responses.ok(_shown(Profile(user)))

    return routes


def _shown(profile: Profile) -> dict[str, Any]:
    place = profile.user.location
    return {
        "user_id": profile.user.user_id,
        "preferred_categories": profile.user.preferred_categories,
        "preferred_tags": profile.user.preferred_tags,
        "max_price": profile.user.max_price,
        "location": place and {"lat": place.lat, "lng": place.lng},
        "profiling": profile.user.profiling,
    }


def _listed(rows: Sequence[object]) -> Response:
    return responses.ok(list(rows))
