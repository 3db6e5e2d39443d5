"""A request as handlers see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from functions import access
from shared.ports import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """A request, checked against the document, and who sends it.

    Attributes
    ----------
    parameters : values of the query's and the path's parameters, with the document's defaults.
    body : the JSON body, None where there is none.
    """

    caller: Caller
    parameters: Mapping[str, Any]
    body: Any

    def acting_user(self) -> str:
        """The user that this is about, "" for a stranger; raises when that is not for the caller to ask."""
        named = self.parameters.get("user_id") or (self.body or {}).get("user_id") or ""
        return access.acting_user(self.caller, named)
