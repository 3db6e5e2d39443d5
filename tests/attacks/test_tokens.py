"""Forged, damaged and stale tokens: none is taken, and each is told as 401, or as 503 where keys cannot be had."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import jwt
import pytest
from firebase_admin import app_check
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions import wiring
from shared.adapters.identity import KEYS_S, FirebaseIdentity
from shared.adapters.publickeys import NAME, PublicKeys
from shared.adapters.webtoken import LEEWAY_S, MAX_BYTES
from shared.errors import StoreUnavailable, Unauthenticated
from tests import deployment
from tests.attacks.keyserver import (
    ACCOUNT,
    OMITTED,
    PROJECT,
    KeyServer,
    Signer,
    account_claims,
    app_claims,
    b64,
    header,
    id_claims,
    key_server,
    sealed_with_secret,
    slowly,
    slowly_after_its_head,
    without_end,
)
from tests.deployment import Clock
from tests.examples import DAY, an_event
from tests.stores import documents

OWN = "/api/v1/users/alice/data"
POST = "/api/v1/interactions"
VIEW = {"type": "view", "event_id": "e"}
GOOD, EVIL = Signer(), Signer()
NOW = int(time.time())
DEEP = b"[" * 1_200
TEXT = b'"x"'
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def id_token(head: bytes | None = None, /, **claims: Any) -> str:
    return GOOD.seal(head or header(), id_claims(**claims))


def app_token(head: bytes | None = None, /, **claims: Any) -> str:
    return GOOD.seal(head or header(), app_claims(**claims))


def account_token(head: bytes | None = None, /, **claims: Any) -> str:
    return GOOD.seal(head or header(), account_claims(**claims))


def _of_an_admin(claims: bytes) -> bytes:
    return json.dumps({**json.loads(claims), "sub": "bob", "user_id": "bob", "admin": True}).encode()


def _forms(claims: bytes) -> dict[str, str]:
    """Tokens that are wrong whatever the kind of token, from claims that are right."""
    token = GOOD.seal(header(), claims)
    head, body, signature = token.split(".")
    secret = sealed_with_secret(GOOD.public, header(alg="HS256"), claims)
    twice = claims.replace(b'"sub"', b'"sub": "bob", "sub"', 1)
    return {
        "empty": "",
        "garbage": "a.b.c",
        "one part": "abc",
        "two parts": f"{head}.{body}",
        "four parts": f"{token}.x",
        "five parts": f"{token}.x.y",
        "empty signature": f"{head}.{body}.",
        "short signature": f"{head}.{body}.{signature[:40]}",
        "signature of another alphabet": f"{head}.{body}.{signature[:-4]}%00!",
        "padded signature": f"{token}==",
        "signature of something else": f"{head}.{b64(claims + b' ')}.{signature}",
        "signature of another's claims": f"{head}.{b64(_of_an_admin(claims))}.{signature}",
        "not base64": f"{head}.ä{body[1:]}.{signature}",
        "white space": f"{head}.{body[:9]} {body[9:]}.{signature}",
        "line": f"{head}.{body[:9]}%0a{body[9:]}.{signature}",
        "8 MB": "A" * 8_000_000,
        "too long": GOOD.seal(header(), claims[:-1] + b', "x": "' + b"x" * MAX_BYTES + b'"}'),
        "alg none": f"{b64(header(alg='none'))}.{body}.",
        "alg None": f"{b64(header(alg='None'))}.{body}.{signature}",
        "alg nOnE": f"{b64(header(alg='nOnE'))}.{body}.",
        "alg none, an admin": f"{b64(header(alg='none'))}.{b64(_of_an_admin(claims))}.",
        "alg HS256, public key": secret,
        "alg HS256, certificate": sealed_with_secret(GOOD.certificate.encode(), header(alg="HS256"), claims),
        "alg RS256, HMAC": sealed_with_secret(GOOD.public, header(), claims),
        "alg RS256, HMAC of the certificate": sealed_with_secret(GOOD.certificate.encode(), header(), claims),
        **{
            f"alg {algorithm}": jwt.encode(json.loads(claims), GOOD.key, algorithm, headers={"kid": "k1"})
            for algorithm in ("RS384", "RS512", "PS256")
        },
        "alg missing": GOOD.seal(header(alg=OMITTED), claims),
        "alg list": GOOD.seal(header(alg=["RS256"]), claims),
        "alg object": GOOD.seal(header(alg={"RS256": 1}), claims),
        "no kid": GOOD.seal(header(kid=OMITTED), claims),
        "other kid": GOOD.seal(header(kid="k9"), claims),
        "kid empty": GOOD.seal(header(kid=""), claims),
        "kid null": GOOD.seal(header(kid=None), claims),
        "kid number": GOOD.seal(header(kid=1), claims),
        "kid list": GOOD.seal(header(kid=["k1"]), claims),
        "kid object": GOOD.seal(header(kid={"k1": 1}), claims),
        "kid path": GOOD.seal(header(kid="../../dev/null"), claims),
        "kid query": GOOD.seal(header(kid="' OR 1=1 --"), claims),
        "kid long": GOOD.seal(header(kid="k" * 1_000), claims),
        "kid with key": EVIL.seal(header(jwk=EVIL.jwk("k1")), claims),
        "kid with address": EVIL.seal(header(jku="https://evil.example/jwks", x5u="https://evil.example/"), claims),
        "kid with certificate": EVIL.seal(header(x5c=[EVIL.certificate]), claims),
        "critical extension": GOOD.seal(header(crit=["b64"], b64=False), claims),
        "another's key": EVIL.seal(header(), claims),
        "another's key and kid": EVIL.seal(header(kid="k2"), claims),
        "name twice": GOOD.seal(header(), twice),
        "header's name twice": GOOD.seal(b'{"alg": "none", "alg": "RS256", "kid": "k1"}', claims),
        "header of brackets": f"{b64(DEEP)}.{body}.{signature}",
        "header of many brackets": f"{b64(b'[' * 6_000)}.{body}.{signature}",
        "header of brackets beyond any limit": f"{b64(b'[' * 50_000)}.{body}.{signature}",
        "claims of brackets beyond any limit": f"{head}.{b64(b'[' * 50_000)}.{signature}",
        "sealed header of brackets": GOOD.seal(
            b'{"alg": "RS256", "kid": "k1", "x": ' + DEEP + b"]" * 1_200 + b"}", claims
        ),
        "claims of brackets": GOOD.seal(header(), DEEP),
        "claims of objects": GOOD.seal(header(), b'{"a":' * 1_200 + b"1" + b"}" * 1_200),
        "deep claim": GOOD.seal(header(), claims[:-1] + b', "x": ' + b"[" * 900 + b"]" * 900 + b"}"),
        "header list": GOOD.seal(b"[1]", claims),
        "header text": GOOD.seal(b'"x"', claims),
        "lists and no signature": f"{b64(b'[1]')}.{b64(b'[2]')}.x",
        "claims text, another's signature": f"{head}.{b64(TEXT)}.{signature}",
        "header null": GOOD.seal(b"null", claims),
        "claims list": GOOD.seal(header(), b"[2]"),
        "claims text": GOOD.seal(header(), b'"x"'),
        "claims number": GOOD.seal(header(), b"1"),
        "claims empty": GOOD.seal(header(), b""),
        "claims in UTF-16": GOOD.seal(header(), claims.decode().encode("utf-16")),
        "claims in no encoding": GOOD.seal(header(), b"\xff\xfe{}"),
        "claims in NaN": GOOD.seal(header(), claims.replace(b'"exp": ', b'"exp": NaN, "x": ')),
        "claims in Infinity": GOOD.seal(header(), claims.replace(b'"exp": ', b'"exp": Infinity, "x": ')),
        "claims of digits": GOOD.seal(header(), claims.replace(b'"exp": ', b'"exp": ' + b"9" * 5_000)),
        "claims of an exponent": GOOD.seal(header(), claims.replace(b'"exp": ', b'"exp": 1e999, "x": ')),
    }


TIMES: dict[str, dict[str, Any]] = {
    "exp a second ago": {"exp": NOW - 1},
    "exp an hour ago": {"exp": NOW - 3600},
    "exp at the epoch": {"exp": 0},
    "exp before the epoch": {"exp": -1},
    "iat in an hour": {"iat": NOW + 3600},
    "iat in a day": {"iat": NOW + 86_400},
    "iat before the epoch": {"iat": -1},
} | {
    f"{name} {shown}": {name: value}
    for name in ("exp", "iat")
    for value, shown in (
        (OMITTED, "missing"),
        (None, "null"),
        (str(NOW + 3600), "text"),
        (True, "true"),
        ([NOW + 3600], "list"),
        ({"a": 1}, "object"),
        ("", "empty"),
        (10**30, "huge"),
        (10**400, "beyond floats"),
        (-(10**30), "hugely negative"),
    )
}
SUBJECTS: dict[str, dict[str, Any]] = {
    f"sub {shown}": {"sub": value}
    for value, shown in (
        (OMITTED, "missing"),
        (None, "null"),
        ("", "empty"),
        ("a" * 129, "long"),
        ("ä" * 65, "long in UTF-8"),
        (5, "number"),
        (True, "true"),
        (["alice"], "list"),
        ({}, "object"),
        ("a/b", "path"),
        ("..", "dots"),
        (".", "dot"),
        ("__x__", "reserved"),
        ("al\nice", "line"),
        ("al\x00ice", "null byte"),
        ("\ud800", "lone surrogate"),
    )
}
ID_CLAIMS: dict[str, dict[str, Any]] = {
    **TIMES,
    **SUBJECTS,
    "auth_time ahead": {"auth_time": NOW + 3600},
    "auth_time text": {"auth_time": "now"},
    "nbf ahead": {"nbf": NOW + 3600},
    "nbf text": {"nbf": "now"},
    "aud other": {"aud": "other"},
    "aud list": {"aud": [PROJECT]},
    "aud missing": {"aud": OMITTED},
    "aud null": {"aud": None},
    "aud object": {"aud": {PROJECT: 1}},
    "aud of a custom token": {
        "aud": "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
    },
    "iss other": {"iss": "https://securetoken.google.com/other"},
    "iss longer": {"iss": f"https://securetoken.google.com/{PROJECT}/"},
    "iss of accounts": {"iss": "https://accounts.google.com"},
    "iss of a session cookie": {"iss": f"https://session.firebase.google.com/{PROJECT}"},
    "iss of App Check": {"iss": "https://firebaseappcheck.googleapis.com/123"},
    "iss missing": {"iss": OMITTED},
    "iss list": {"iss": [f"https://securetoken.google.com/{PROJECT}"]},
    "an App Check token": json.loads(app_claims()),
}
APP_CLAIMS: dict[str, dict[str, Any]] = {
    **TIMES,
    **SUBJECTS,
    "nbf ahead": {"nbf": NOW + 3600},
    "aud other": {"aud": ["projects/other"]},
    "aud text": {"aud": f"projects/{PROJECT}"},
    "aud missing": {"aud": OMITTED},
    "aud empty": {"aud": []},
    "aud of another type": {"aud": 5},
    "aud of mixed types": {"aud": [5, None]},
    "iss other": {"iss": "https://example.com/"},
    "iss that contains ours": {"iss": "https://evil.example/https://firebaseappcheck.googleapis.com/"},
    "iss longer": {"iss": "https://firebaseappcheck.googleapis.com.evil.example/1"},
    "iss missing": {"iss": OMITTED},
    "iss list": {"iss": ["https://firebaseappcheck.googleapis.com/"]},
    "an ID token": json.loads(id_claims()),
}
ACCOUNT_CLAIMS: dict[str, dict[str, Any]] = {
    **TIMES,
    **SUBJECTS,
    "aud other": {"aud": "other"},
    "aud of the deployment's address": {"aud": "https://us-central1-proj-x.cloudfunctions.net/api"},
    "aud list": {"aud": [PROJECT]},
    "aud of several": {"aud": [PROJECT, "other"]},
    "aud missing": {"aud": OMITTED},
    "aud empty": {"aud": ""},
    "aud object": {"aud": {PROJECT: 1}},
    "iss of Firebase": {"iss": f"https://securetoken.google.com/{PROJECT}", "auth_time": "now"},
    "iss without its scheme": {"iss": "accounts.google.com"},
    "iss longer": {"iss": "https://accounts.google.com/"},
    "iss that begins like it": {"iss": "https://accounts.google.com.evil.example"},
    "iss missing": {"iss": OMITTED},
    "another account": {"email": f"other@{PROJECT}.iam.gserviceaccount.com"},
    "an account of the same name elsewhere": {"email": "backend@other.iam.gserviceaccount.com"},
    "an account whose address ends with it": {"email": f"evil-{ACCOUNT}"},
    "a person": {"email": "backend@example.org"},
    "email missing": {"email": OMITTED},
    "email list": {"email": [ACCOUNT]},
    "email null": {"email": None},
    "email empty": {"email": ""},
    "email object": {"email": {ACCOUNT: 1}},
    "email with white space": {"email": f"{ACCOUNT} "},
    "email not verified": {"email_verified": False},
    "email verified missing": {"email_verified": OMITTED},
    **{f"email verified {value!r}": {"email_verified": value} for value in ("true", 1, [True], None)},
    "the claim of an admin, another account": {"admin": True, "email": "x@y.iam.gserviceaccount.com"},
}
ACCOUNT_TOKENS = _forms(account_claims()) | {name: account_token(**claims) for name, claims in ACCOUNT_CLAIMS.items()}
ID_TOKENS = _forms(id_claims()) | {name: id_token(**claims) for name, claims in ID_CLAIMS.items()}
APP_TOKENS = _forms(app_claims()) | {name: app_token(**claims) for name, claims in APP_CLAIMS.items()}


@pytest.fixture(scope="module")
def identity() -> Iterator[FirebaseIdentity]:
    with key_server(KeyServer(GOOD)):
        yield FirebaseIdentity(PROJECT, admins=(ACCOUNT,))


@pytest.fixture
def client(identity: FirebaseIdentity, tmp_path: Path) -> Iterator[FlaskClient]:
    store = documents()
    wired = deployment.wire(store, tmp_path, Clock(), require_auth=True)
    with wiring.use(replace(wired, identity=identity)):
        yield deployment.client()
    store.close()


@pytest.mark.parametrize("name", ID_TOKENS)
def test_no_wrong_id_token_is_taken(client: FlaskClient, name: str) -> None:
    token = ID_TOKENS[name]
    answer = client.get(OWN, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401, answer.text
    assert len(answer.text) < 1_000
    body = {"id_token": token, "interactions": [VIEW]}
    # Longer texts than the API accepts are told as such.
    assert client.post(POST, json=body).status_code in ({400, 413} if len(token) > 8_192 else {401})


@pytest.mark.parametrize("name", APP_TOKENS)
def test_no_wrong_app_check_token_is_taken(identity: FirebaseIdentity, name: str) -> None:
    with pytest.raises(Unauthenticated):
        identity.attest(APP_TOKENS[name])


@pytest.mark.parametrize("name", ACCOUNT_TOKENS)
def test_no_wrong_token_of_a_service_account_is_taken(identity: FirebaseIdentity, name: str) -> None:
    with pytest.raises(Unauthenticated):
        identity.caller(ACCOUNT_TOKENS[name])


@pytest.mark.parametrize("name", ["another's key", "alg none", "exp an hour ago"])
def test_emulators_take_no_wrong_token_of_a_service_account(
    identity: FirebaseIdentity, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099")
    with pytest.raises(Unauthenticated):
        identity.caller(ACCOUNT_TOKENS[name])


def test_a_listed_service_account_is_an_admin_for_any_user(client: FlaskClient, identity: FirebaseIdentity) -> None:
    token = account_token()
    caller = identity.caller(token)
    assert (caller.user_id, caller.is_admin, caller.is_anonymous, caller.organizer_ids) == ("", True, False, ())
    headers = {"Authorization": f"Bearer {token}"}
    paths = (OWN, "/api/v1/rules", "/api/v1/models", "/api/v1/recommendations?user_id=bob", "/api/v1/events/popular")
    assert [client.get(path, headers=headers).status_code for path in paths] == [200] * len(paths)
    sent = client.post(POST, json={"user_id": "bob", "interactions": [VIEW]}, headers=headers)
    assert sent.get_json()["accepted"] != []
    in_body = client.post(POST, json={"user_id": "bob", "id_token": token, "interactions": [VIEW]})
    assert in_body.status_code == 200
    erased = client.delete("/api/v1/users/bob", headers=headers)
    assert erased.status_code == 200


@pytest.mark.parametrize(("project", "admins"), [(PROJECT, ()), ("", (ACCOUNT,)), ("other", (ACCOUNT,))])
def test_no_service_account_is_an_admin_unless_the_settings_say_so(project: str, admins: tuple[str, ...]) -> None:
    with key_server(KeyServer(GOOD)):
        identity = FirebaseIdentity(project, admins=admins)
        for audience in (PROJECT, ""):
            with pytest.raises(Unauthenticated):
                identity.caller(account_token(aud=audience))


def test_right_tokens_are_taken_without_credentials_of_google_cloud(
    client: FlaskClient, identity: FirebaseIdentity
) -> None:
    assert client.get(OWN, headers={"Authorization": f"Bearer {id_token()}"}).status_code == 200
    assert identity.caller(id_token(exp=time.time() + 60.5)).user_id == "alice"
    identity.attest(app_token())


@pytest.mark.parametrize(("ahead_s", "is_taken"), [(1, True), (LEEWAY_S - 1, True), (LEEWAY_S + 5, False)])
def test_tokens_may_be_issued_a_little_ahead_and_no_more(
    identity: FirebaseIdentity, ahead_s: int, *, is_taken: bool
) -> None:
    times = {"iat": int(time.time()) + ahead_s}
    for verify, token in (
        (identity.caller, id_token(**times, auth_time=times["iat"])),
        (identity.attest, app_token(**times)),
    ):
        if is_taken:
            verify(token)
            continue
        with pytest.raises(Unauthenticated, match="iat"):
            verify(token)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(["alg", "kid", "typ", "exp", "iat", "aud", "iss", "sub", "auth_time"]), value=ANYTHING)
def test_no_type_of_any_claim_is_a_failure(identity: FirebaseIdentity, name: str, value: object) -> None:
    is_of_header = name in ("alg", "kid", "typ")
    head = header(**{name: value}) if is_of_header else header()
    changed: dict[str, Any] = {} if is_of_header else {name: value}
    try:
        caller = identity.caller(id_token(head, **changed))
    except Unauthenticated:
        pass
    else:
        assert not caller.is_admin
        assert caller.user_id == (value if name == "sub" else "alice")
    try:
        identity.attest(app_token(head, **changed))
    except Unauthenticated:
        return
    assert name in ("typ", "sub", "auth_time", "exp", "iat", "iss")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200) | st.binary(max_size=200).map(b64) | st.lists(st.binary().map(b64)).map(".".join))
def test_no_text_is_a_token(identity: FirebaseIdentity, text: str) -> None:
    for verify in (identity.caller, identity.attest):
        with pytest.raises(Unauthenticated):
            verify(text)


@pytest.mark.parametrize("value", ["true", "True", 1, 1.0, [True], {"a": 1}, "1", None, 0, False])
def test_only_true_makes_an_admin(client: FlaskClient, value: object) -> None:
    headers = {"Authorization": f"Bearer {id_token(admin=value)}"}
    assert client.get("/api/v1/rules", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Basic {}", "Bearer  {}", "Bearer {} x", "{}", "Token {}", "Bearer\t{}", "Bearer {},{}"],
)
def test_no_other_form_of_the_header_is_taken(client: FlaskClient, authorization: str) -> None:
    headers = {"Authorization": authorization.format(id_token(), id_token())}
    assert client.get(OWN, headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "recommendations?user_id=bob", None),
        ("GET", "recommendations?user_id=alice&user_id=bob", None),
        ("GET", "events/popular?user_id=bob", None),
        ("GET", "users/bob/data", None),
        ("GET", "users/Alice/data", None),
        ("GET", "users/alice%2F..%2Fbob/data", None),
        ("GET", "users/~x/data", None),
        ("DELETE", "users/bob", None),
        ("DELETE", "users/ALICE", None),
        ("DELETE", "users/alice%20", None),
        ("PUT", "users/bob/profiling", {"allowed": False}),
        ("POST", "rank", {"user_id": "bob", "event_ids": ["x"]}),
        ("POST", "interactions", {"user_id": "bob", "interactions": [VIEW]}),
        ("PUT", "rules", {}),
        ("GET", "rules", None),
        ("GET", "models", None),
        ("POST", "models/x:activate", {}),
        ("PATCH", "rules", {}),
        ("GET", "recommendations?user_id=bob%00", None),
        ("GET", "events/x/similar?user_id=bob", None),
        ("GET", "events/x/audience", None),
        ("POST", "interactions", b'{"user_id": "alice", "user_id": "bob", "interactions": []}'),
    ],
)
def test_nobody_acts_for_another(client: FlaskClient, method: str, path: str, body: object) -> None:
    headers = {"Authorization": f"Bearer {id_token()}"}
    sent: dict[str, Any] = {"data": body} if isinstance(body, bytes) else {"json": body}
    answer = client.open(f"/api/v1/{path}", method=method, headers=headers, **sent)
    assert answer.status_code in {400, 403, 404, 405}, answer.text


@pytest.mark.parametrize(
    "name", ["X-User-Id", "X-Forwarded-User", "X-Goog-Authenticated-User-Id", "X-Apigateway-Api-Userinfo"]
)
def test_no_header_but_the_token_s_names_a_user(client: FlaskClient, name: str) -> None:
    headers = {"Authorization": f"Bearer {id_token()}", name: "bob"}
    accepted = client.post(POST, json={"interactions": [VIEW]}, headers=headers).get_json()["accepted"]
    assert all(":5:alice:" in key for key in accepted)
    assert client.get(OWN, headers={name: "alice"}).status_code == 401
    assert client.get(OWN.replace("alice", "bob"), headers=headers).status_code == 403


@pytest.mark.parametrize(
    "user_id", ["ALICE", "alice ", " alice", "\u0430lice", "alice\u200b", "ali\u0301ce", "*", "alice%20", "null"]
)
def test_users_whose_ids_look_alike_are_different(client: FlaskClient, user_id: str) -> None:
    headers = {"Authorization": f"Bearer {id_token(sub=user_id)}"}
    answer = client.post(POST, json={"interactions": [{"type": "save", "event_id": "e"}]}, headers=headers)
    assert answer.get_json()["accepted"] == [f"save:{len(user_id.encode())}:{user_id}:e"]
    assert client.get(OWN, headers=headers).status_code == 403
    assert client.delete("/api/v1/users/alice", headers=headers).status_code == 403
    own = client.get(OWN, headers={"Authorization": f"Bearer {id_token()}"})
    assert own.get_json()["documents"] == []


def test_no_account_is_a_visitor(client: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {id_token(sub='~visitor_secret_1234')}"}
    assert client.post(POST, json={"interactions": [VIEW]}, headers=headers).status_code == 400
    assert client.get("/api/v1/users/~visitor_secret_1234/data", headers=headers).status_code in {200, 400, 403}


OTHER_ORGANIZERS: list[Any] = [
    *("", [""], [], None, True, False, 0, 1, {"x": "jazz_club"}, {"jazz_club": True}, [["jazz_club"]], [None], [{}]),
    *("*", ["*"], "jazz_club ", "JAZZ_CLUB", "jazz", "other", "jazz_club,other", '["jazz_club"]', "jazz_club\0"),
]
"""Values of the claim `organizer` that do not name the jazz club."""


@pytest.mark.parametrize(
    ("claim", "is_organizer"),
    [
        *(("jazz_club", True), (["jazz_club"], True), (["other", 5, "jazz_club"], True)),
        *((claim, False) for claim in OTHER_ORGANIZERS),
    ],
    ids=repr,
)
def test_only_the_organizer_s_own_id_shows_an_audience(
    client: FlaskClient, claim: object, *, is_organizer: bool
) -> None:
    now = Clock().now
    event = an_event("gig", starts_at=now + DAY, organizer_id="jazz_club")
    wiring.services().documents.events.put([event], now=now)
    path = "/api/v1/events/gig/audience"
    status = client.get(path, headers={"Authorization": f"Bearer {id_token(organizer=claim)}"}).status_code
    admin = client.get(path, headers={"Authorization": f"Bearer {id_token(admin=True)}"}).status_code
    assert status == (admin if is_organizer else 403)
    assert admin == 200


def test_a_token_in_a_body_has_the_rights_of_its_user_and_no_more(client: FlaskClient) -> None:
    saved = {"interactions": [{"type": "save", "event_id": "e"}]}
    assert client.post(POST, json={**saved, "id_token": id_token(), "user_id": "bob"}).status_code == 403
    own = client.post(POST, json={**saved, "id_token": id_token()}).get_json()
    assert own["accepted"] == ["save:5:alice:e"]
    of_admin = client.post(POST, json={**saved, "id_token": id_token(admin=True), "user_id": "bob"})
    assert of_admin.get_json()["accepted"] == ["save:3:bob:e"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_letter_case(client: FlaskClient, scheme: str) -> None:
    assert client.get(OWN, headers={"Authorization": f"{scheme} {id_token()}"}).status_code == 200


def test_an_entry_says_nothing_about_its_user(client: FlaskClient) -> None:
    smuggled = {**VIEW, "user_id": "bob", "recorded_at": "2020-01-01T00:00:00Z", "interaction_id": "bob"}
    headers = {"Authorization": f"Bearer {id_token()}"}
    answer = client.post(POST, json={"interactions": [smuggled]}, headers=headers).get_json()
    assert all(":alice:" in key for key in answer["accepted"])
    # A token in the body does not outrank that of the header.
    both = {"id_token": id_token(sub="bob"), "interactions": [{"type": "save", "event_id": "x"}]}
    accepted = client.post(POST, json=both, headers=headers).get_json()["accepted"]
    assert accepted == ["save:5:alice:x"]


AT_ONCE = 12
KEYLESS: dict[str, KeyServer] = {
    "fails": KeyServer(GOOD, (500, b"<html>")),
    "is missing": KeyServer(GOOD, (404, b"")),
    "sends nothing": KeyServer(GOOD, (200, b"")),
    "sends no JSON": KeyServer(GOOD, (200, b"<html>")),
    "sends noise": KeyServer(GOOD, (200, bytes(range(256)))),
    "sends no keys": KeyServer(GOOD, (200, b'{"keys": []}')),
    "sends no certificates": KeyServer(GOOD, (200, b'{"k1": "no PEM"}')),
    "hangs": KeyServer(GOOD, pause_s=KEYS_S * 4),
    "sends a byte now and then": KeyServer(GOOD, sent=slowly),
    "sends its head, then a byte now and then": KeyServer(GOOD, sent=slowly_after_its_head),
    "sends without end": KeyServer(GOOD, sent=without_end),
    "sends elsewhere": KeyServer(GOOD, (302, b"")),
}


@pytest.mark.parametrize("name", KEYLESS)
def test_without_keys_tokens_are_told_as_an_outage_in_time(name: str) -> None:
    with key_server(KEYLESS[name]):
        identity = FirebaseIdentity(PROJECT)
        for verify, token in ((identity.caller, id_token()), (identity.attest, app_token())):
            started = time.monotonic()
            # What the form alone tells, needs no keys.
            with pytest.raises(Unauthenticated):
                verify("a.b.c")
            with pytest.raises(StoreUnavailable):
                verify(token)
            assert time.monotonic() - started < KEYS_S * 2


@pytest.mark.parametrize("name", ["hangs", "sends a byte now and then", "sends without end"])
@pytest.mark.parametrize("kind", ["ID token", "App Check token"])
def test_many_wait_for_keys_no_longer_than_one_and_leave_no_thread(name: str, kind: str) -> None:
    with key_server(KEYLESS[name]):
        identity = FirebaseIdentity(PROJECT)
        verify: Callable[[str], object] = identity.caller if kind == "ID token" else identity.attest
        with pytest.raises(Unauthenticated):
            verify("a.b.c")
        token = id_token() if kind == "ID token" else app_token()

        def wait(_: int) -> float:
            started = time.monotonic()
            with pytest.raises(StoreUnavailable):
                verify(token)
            return time.monotonic() - started

        with ThreadPoolExecutor(AT_ONCE) as pool:
            assert max(pool.map(wait, range(AT_ONCE))) < KEYS_S * 2
        give_up = time.monotonic() + KEYS_S
        while (left := [thread.name for thread in threading.enumerate() if thread.name == NAME]) and (
            time.monotonic() < give_up
        ):
            time.sleep(0.02)
        assert left == []


def test_keys_are_kept_as_long_as_their_server_says_and_no_longer() -> None:
    now = [0.0]
    with key_server(KeyServer(GOOD, sent=_for_a_minute)) as server:
        url = app_check._AppCheckService._JWKS_URL
        keys = PublicKeys(url, json.loads, clock=lambda: now[0])
        for at, asked in ((0, 1), (59, 1), (61, 2), (100, 2)):
            now[0] = at
            assert keys.body(9)
            assert server.asked == asked
        assert keys.body(9, max_age_s=30)
        assert server.asked == 3
        # A body that is none is not kept, whatever the server says.
        server.answer = (200, b"<html>")
        now[0] = 200
        for asked in (4, 5):
            with pytest.raises(ValueError, match="Expecting"):
                keys.body(9)
            assert server.asked == asked


def _for_a_minute(file: BufferedIOBase, answer: bytes) -> None:
    file.write(answer.replace(b"\r\n", b"\r\nCache-Control: public, max-age=60, must-revalidate\r\n", 1))


@pytest.mark.parametrize("kind", ["ID token", "App Check token"])
def test_forged_ids_of_keys_make_no_fetches(kind: str) -> None:
    with key_server(KeyServer(GOOD, sent=_for_a_minute)) as server:
        identity = FirebaseIdentity(PROJECT)
        verify: Callable[[str], object] = identity.caller if kind == "ID token" else identity.attest
        for number in range(9):
            head = header(kid=f"k{number + 2}")
            with pytest.raises(Unauthenticated):
                verify(id_token(head) if kind == "ID token" else app_token(head))
        assert server.asked == 1


def test_requests_wait_for_a_server_of_keys_that_hangs_once_and_within_their_budget(tmp_path: Path) -> None:
    store = documents()
    wired = deployment.wire(store, tmp_path, Clock(), require_auth=True)
    waited = []
    with key_server(KEYLESS["hangs"]), wiring.use(replace(wired, identity=FirebaseIdentity(PROJECT))):
        client = deployment.client()
        assert client.get("/api/v1/recommendations").status_code == 200
        for _ in range(6):
            started = time.monotonic()
            answer = client.get("/api/v1/recommendations", headers={"Authorization": f"Bearer {id_token()}"})
            waited.append(time.monotonic() - started)
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) >= 1
        assert client.get("/api/v1/recommendations").status_code == 200
    store.close()
    assert max(waited) < KEYS_S * 2
    assert min(waited[-2:]) < 0.2


def test_tokens_of_an_emulator_have_no_signature_and_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:1")
    identity = FirebaseIdentity(PROJECT)
    head = b64(header(alg="none", kid=OMITTED))
    assert identity.caller(f"{head}.{b64(id_claims(admin=True))}.").is_admin
    for name, claims in ID_CLAIMS.items():
        with pytest.raises(Unauthenticated):
            print(name, identity.caller(f"{head}.{b64(id_claims(**claims))}."))


def test_credentials_that_cannot_be_read_are_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    with key_server(KeyServer(GOOD)):
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
        assert FirebaseIdentity(PROJECT).caller(id_token()).user_id == "alice"
