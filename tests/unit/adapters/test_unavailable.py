"""Error translation: what a Google client says becomes an error of the domain, without ids of documents."""

import traceback

import pytest
from google.api_core.exceptions import InvalidArgument, ServiceUnavailable
from google.auth.exceptions import DefaultCredentialsError

from shared.adapters.unavailable import unavailable
from shared.errors import StoreUnavailable

WHO = "Rosalind 8c41"


@pytest.mark.parametrize(
    "said",
    [
        f"No document to update: projects/p/databases/(default)/documents/users/{WHO}",
        f'Document "projects/p/databases/(default)/documents/histories/{WHO}" is too large, and\nmore',
        f"/documents/interactions/booking:13:{WHO}:event_1 and /documents/users/{WHO}",
    ],
)
@pytest.mark.parametrize("kind", [InvalidArgument, ServiceUnavailable, OSError])
def test_no_error_names_a_document(said: str, kind: type[Exception]) -> None:
    with (
        pytest.raises(StoreUnavailable, match=r"^cannot write: .*/documents/[a-z]+/…") as raised,
        unavailable("cannot write"),
    ):
        raise kind(said)
    shown = "".join(traceback.format_exception(raised.value))
    assert WHO not in shown


def test_other_causes_are_kept() -> None:
    with pytest.raises(StoreUnavailable, match=r"^cannot read: 503 try later$") as raised, unavailable("cannot read"):
        raise ServiceUnavailable("try later")  # type: ignore[no-untyped-call]
    assert isinstance(raised.value.__cause__, ServiceUnavailable)


def test_missing_credentials_come_with_the_command_that_makes_them() -> None:
    login = r"^firestore:p: expected credentials of Google Cloud: .*none; run `gcloud auth application-default login`$"
    with pytest.raises(StoreUnavailable, match=login), unavailable("firestore:p"):
        raise DefaultCredentialsError("none. To set up, see elsewhere.")  # type: ignore[no-untyped-call]
