"""Key server of Firebase's tokens, and signers of tokens whose keys it does and does not publish."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from jwt.algorithms import RSAAlgorithm

PROJECT = "proj-x"
ACCOUNT = f"backend@{PROJECT}.iam.gserviceaccount.com"
OMITTED = object()
"""Value of a claim or a header's field that a token leaves out."""


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass(frozen=True)
class Signer:
    """RSA key with the forms in which Google publishes it."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def public(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, form)

    @property
    def certificate(self) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "t")])
        built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        dated = built.serial_number(1).not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2090, 1, 1))  # noqa: DTZ001  # as the library takes it
        return dated.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def jwk(self, key_id: str) -> dict[str, Any]:
        return {**RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True), "kid": key_id, "use": "sig", "alg": "RS256"}

    def seal(self, header: bytes, claims: bytes) -> str:
        """Token of any bytes with a signature that verifies."""
        message = f"{b64(header)}.{b64(claims)}"
        return f"{message}.{b64(self.key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _without(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not OMITTED}


def header(**changed: Any) -> bytes:
    return json.dumps(_without({"alg": "RS256", "typ": "JWT", "kid": "k1", **changed})).encode()


def id_claims(**changed: Any) -> bytes:
    now = int(time.time())
    known = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "alice",
        "user_id": "alice",
        "iat": now - 10,
        "exp": now + 3600,
        "auth_time": now - 10,
    }
    return json.dumps(_without({**known, **changed})).encode()


def app_claims(**changed: Any) -> bytes:
    now = int(time.time())
    known = {
        "iss": "https://firebaseappcheck.googleapis.com/123",
        "aud": ["projects/123", f"projects/{PROJECT}"],
        "sub": "1:123:web:abc",
        "iat": now - 10,
        "exp": now + 3600,
    }
    return json.dumps(_without({**known, **changed})).encode()


def account_claims(**changed: Any) -> bytes:
    """Claims of the ID token of a service account, as Google's metadata server signs them."""
    now = int(time.time())
    known = {
        "iss": "https://accounts.google.com",
        "aud": PROJECT,
        "azp": "117",
        "sub": "117",
        "email": ACCOUNT,
        "email_verified": True,
        "iat": now - 10,
        "exp": now + 3600,
    }
    return json.dumps(_without({**known, **changed})).encode()


def sealed_with_secret(secret: bytes, header: bytes, claims: bytes) -> str:
    """Token signed with HMAC, as if the server's public key were a shared secret."""
    message = f"{b64(header)}.{b64(claims)}"
    return f"{message}.{b64(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


@dataclass
class KeyServer:
    """Local server of public keys; `answer` replaces its bodies, `pause_s` delays them, and `sent` sends answers."""

    signer: Signer = field(default_factory=Signer)
    answer: tuple[int, bytes] | None = None
    pause_s: float = 0.0
    sent: Callable[[BufferedIOBase, bytes], None] | None = None
    asked: int = 0

    def body(self, path: str) -> tuple[int, bytes]:
        self.asked += 1
        time.sleep(self.pause_s)
        if self.answer:
            return self.answer
        keys = {"keys": [self.signer.jwk("k1")]} if path == "/jwks" else {"k1": self.signer.certificate}
        return 200, json.dumps(keys).encode()


def slowly(file: BufferedIOBase, answer: bytes) -> None:
    """An answer byte by byte, never silent for long."""
    for number in range(len(answer)):
        file.write(answer[number : number + 1])
        time.sleep(0.1)


def slowly_after_its_head(file: BufferedIOBase, answer: bytes) -> None:
    head, gap, body = answer.partition(b"\r\n\r\n")
    file.write(head + gap)
    slowly(file, body)


def without_end(file: BufferedIOBase, answer: bytes) -> None:
    file.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        file.write(b" " * 65_536)


@contextmanager
def key_server(server: KeyServer) -> Iterator[KeyServer]:
    """Server in place of Google's until the end of the block."""
    from firebase_admin import _token_gen, app_check

    from shared.adapters import identity

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = server.body(self.path)
            if server.sent:
                head = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(body)}\r\n\r\n"
                server.sent(self.wfile, head.encode() + body)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """No log of requests."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                """The client has given up."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening, pytest.MonkeyPatch.context() as patch:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.server_port}"
        patch.setattr(_token_gen, "ID_TOKEN_CERT_URI", f"{url}/certs")
        patch.setattr(identity, "ACCOUNT_KEYS_URL", f"{url}/jwks")
        patch.setattr(app_check._AppCheckService, "_JWKS_URL", f"{url}/jwks")
        patch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        patch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)
        yield server
        listening.shutdown()
        thread.join()
