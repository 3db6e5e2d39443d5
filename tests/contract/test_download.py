"""Object downloads from a faulty server, and access tokens."""

import base64
import gc
import json
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from socket import SHUT_RDWR
from threading import Event, Thread
from typing import Final

import google_crc32c
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.adapters.objects.cloudstorage import CloudObjects
from shared.adapters.objects.download import Downloads
from shared.adapters.objects.tokens import Tokens
from shared.errors import SettingsError, StoreUnavailable
from shared.ports import Blob

Say = Callable[[BaseHTTPRequestHandler], None]
BODY: Final = b"0123456789" * 100_000
WHOLE: Final = Blob(BODY, 7)


class Server:
    """Scripted HTTP server: gives its responses in order, repeats the last one, and records the requests."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.lines: list[Say] = []
        self.asked: list[tuple[str, str | None, int]] = []
        self.released = Event()
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                script.asked.append((self.path, self.headers["Authorization"], self.client_address[1]))
                line = script.lines.pop(0) if len(script.lines) > 1 else script.lines[0]
                line(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.address = f"127.0.0.1:{self._http.server_port}"
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def say(
    status: int = 200, body: bytes = BODY, *, length: int | None = None, chunked: bool = False, **headers: str
) -> Say:
    """Scripted response that declares `length` bytes; a wrong length also closes the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        if status == 200:
            headers.setdefault("x_goog_generation", "7")
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if chunked:
            handler.send_header("Transfer-Encoding", "chunked")
            body_sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            handler.send_header("Content-Length", str(len(body) if length is None else length))
            body_sent = body
        handler.end_headers()
        handler.wfile.write(body_sent)
        handler.close_connection = length is not None

    return answer


def hash_of(data: bytes) -> str:
    checksum = base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()
    return f"md5=KfVA9xCWIPkI7jT710HDHw==,crc32c={checksum}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{server.address}")
    yield server
    server.close()


@pytest.fixture
def downloads(server: Server) -> Iterator[Downloads]:
    downloads = Downloads("a bucket", deadline_s=20, max_bytes=2_000_000)
    yield downloads
    downloads.close()


@pytest.mark.parametrize(
    "line",
    [say(), say(x_goog_hash=hash_of(BODY)), say(chunked=True), say(Connection="close")],
    ids=["plain", "with its hash", "chunked", "closing"],
)
def test_a_complete_response_gives_data_and_generation(server: Server, downloads: Downloads, line: Say) -> None:
    server.lines = [line]
    assert downloads.read("models/v=1") == WHOLE
    assert downloads.read("models/v=1") == WHOLE
    assert {path for path, *_ in server.asked} == {"/storage/v1/b/a%20bucket/o/models%2Fv%3D1?alt=media"}


@pytest.mark.parametrize(
    "first",
    [
        *(say(status, b"later") for status in (408, 429, 500, 502, 503, 504)),
        say(length=len(BODY) + 1),
        say(body=BODY[:-1], length=len(BODY)),
        say(body=BODY[1:] + b"x", x_goog_hash=hash_of(BODY)),
        lambda handler: handler.connection.shutdown(SHUT_RDWR),
        lambda handler: handler.wfile.write(b"garbage\r\n\r\n") and None,
    ],
    ids=["408", "429", "500", "502", "503", "504", "too short", "cut", "other bytes", "hung up", "garbage"],
)
def test_transient_failures_are_retried(server: Server, downloads: Downloads, first: Say) -> None:
    server.lines = [first, say()]
    assert downloads.read("a") == WHOLE
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 412, 416])
def test_permanent_failures_raise_at_once(server: Server, downloads: Downloads, status: int) -> None:
    server.lines = [say(status, b"why", Location=f"http://{server.address}/elsewhere")]
    with pytest.raises(StoreUnavailable, match=f"^expected 200 or 404, got {status} b'why'$"):
        downloads.read("a")
    assert len(server.asked) == 1


def test_a_missing_object_is_none(server: Server, downloads: Downloads) -> None:
    server.lines = [say(404, b"no such object")]
    assert downloads.read("a") is None


def test_the_deadline_includes_all_retries(server: Server) -> None:
    server.lines = [say(503, b"later")]
    downloads = Downloads("bucket", deadline_s=0.5)
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"^no answer within 0\.5 s: .*503"):
        downloads.read("a")
    downloads.close()
    assert time.monotonic() - started < 2
    assert len(server.asked) > 1


def test_a_slow_body_is_abandoned_at_the_deadline(server: Server) -> None:
    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.send_header("X-Goog-Generation", "7")
        handler.end_headers()
        while not server.released.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()
        handler.close_connection = True

    server.lines = [trickle]
    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"^no answer within 0\.3 s: .* of 1000000 bytes"):
        Downloads("bucket", deadline_s=0.3).read("a")
    assert time.monotonic() - started < 2
    server.released.set()


@pytest.mark.parametrize("line", [say(body=b"x", length=2_000_001), say(body=b"x" * 2_000_001, chunked=True)])
def test_an_object_that_is_too_large_is_refused(server: Server, downloads: Downloads, line: Say) -> None:
    server.lines = [line]
    with pytest.raises(StoreUnavailable, match=r"^expected at most 2,000,000 bytes, got 2,\d{3},\d{3}$"):
        downloads.read("a")
    assert len(server.asked) == 1


@pytest.mark.parametrize("generation", ["", "seven", "-1"])
def test_an_answer_without_a_generation_is_refused(server: Server, downloads: Downloads, generation: str) -> None:
    server.lines = [say(x_goog_generation=generation)]
    with pytest.raises(StoreUnavailable, match=r"^expected a generation"):
        downloads.read("a")


def test_consecutive_reads_share_a_connection_and_threads_do_not(server: Server, downloads: Downloads) -> None:
    server.lines = [say()]
    for name in "abc":
        downloads.read(name)
    assert len({port for *_, port in server.asked}) == 1
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(downloads.read, "abcdefgh")) == [WHOLE] * 8


def test_a_connection_closed_by_the_server_is_replaced(server: Server, downloads: Downloads) -> None:
    def leave(handler: BaseHTTPRequestHandler) -> None:
        say()(handler)
        handler.close_connection = True

    server.lines = [leave, say()]
    assert [downloads.read("a"), downloads.read("b")] == [WHOLE, WHOLE]


def certificate_of(address: str) -> bytes:
    """Self-signed certificate for an address, with its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=True)
    encodings = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*encodings) + builder.sign(key, hashes.SHA256()).public_bytes(encodings[0])


@pytest.mark.parametrize(
    ("address", "is_trusted"),
    [("127.0.0.1", True), ("127.0.0.1", False), ("10.0.0.1", True)],
    ids=["trusted", "unknown", "of another"],
)
def test_only_a_server_with_a_trusted_certificate_for_its_name_is_asked(
    address: str,
    is_trusted: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate = tmp_path / "server.pem"
    certificate.write_bytes(certificate_of(address))
    server = Server(certificate)
    server.lines = [say()]
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"https://{server.address}")
    if is_trusted:
        monkeypatch.setattr("certifi.where", lambda: str(certificate))
    downloads = Downloads("bucket", deadline_s=0.5)
    try:
        if is_trusted and address == "127.0.0.1":
            assert downloads.read("a") == WHOLE
        else:
            with pytest.raises(StoreUnavailable, match="certificate verify failed"):
                downloads.read("a")
            assert server.asked == []
    finally:
        downloads.close()
        server.close()


@pytest.mark.parametrize("place", ["localhost:4443", "http://", "ftp://localhost"])
def test_an_emulator_without_a_scheme_is_refused(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", place)
    with pytest.raises(SettingsError, match=r"^STORAGE_EMULATOR_HOST: expected http://HOST:PORT, got "):
        Downloads("bucket", deadline_s=1)


def test_a_garbage_collected_reader_closes_its_connection(server: Server) -> None:
    server.lines = [say()]
    # Warnings are errors, including that of an unclosed socket.
    Downloads("bucket", deadline_s=1).read("a")
    gc.collect()


def token(text: str, lifetime_s: int, *, flavor: str = "Google") -> Say:
    body = json.dumps({"access_token": text, "expires_in": lifetime_s, "token_type": "Bearer"}).encode()
    return say(200, body, Metadata_Flavor=flavor)


def tokens(server: Server) -> Tokens:
    return Tokens({"K_SERVICE": "api", "GCE_METADATA_HOST": server.address}, timeout_s=1)


def test_on_google_cloud_a_token_is_cached_until_shortly_before_it_expires(server: Server) -> None:
    kept, short = tokens(server), tokens(server)
    server.lines = [token("one", 3_600), token("two", 200), token("three", 200)]
    assert [kept.current(), kept.current()] == ["one", "one"]
    assert [short.current(), short.current()] == ["two", "three"]
    assert server.asked[0][0] == "/computeMetadata/v1/instance/service-accounts/default/token"


def test_a_refused_token_is_dropped_unless_it_was_replaced(server: Server) -> None:
    kept = tokens(server)
    server.lines = [token("one", 3_600), token("two", 3_600)]
    kept.drop(kept.current())
    assert kept.current() == "two"
    kept.drop("one")
    assert kept.current() == "two"
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "line",
    [
        say(404, b"no such account"),
        token("forged", 3_600, flavor="other"),
        say(200, b"[]", Metadata_Flavor="Google"),
        say(200, b"{}", Metadata_Flavor="Google"),
        say(200, b"nothing", Metadata_Flavor="Google"),
        lambda handler: handler.connection.shutdown(SHUT_RDWR),
    ],
)
def test_a_failure_to_get_a_token_names_the_reason(server: Server, line: Say) -> None:
    server.lines = [line]
    with pytest.raises(StoreUnavailable, match=f"^{server.address}: expected a token, got "):
        tokens(server).current()


def test_outside_google_cloud_the_default_credentials_give_the_token(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh = {
        "type": "authorized_user",
        "client_id": "id",
        "client_secret": "secret",
        "refresh_token": "refresh",
        "token_uri": f"http://{server.address}/token",
    }
    key = tmp_path / "key.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(StoreUnavailable, match=r"^expected credentials of Google Cloud: "):
        Tokens({}, timeout_s=1).current()
    key.write_text(json.dumps(refresh))
    server.lines = [say(400, b'{"error": "invalid_grant"}')]
    with pytest.raises(StoreUnavailable, match=r"^expected credentials of Google Cloud: "):
        Tokens({}, timeout_s=1).current()


def test_a_token_is_sent_to_google_only(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.lines = [say()]
    monkeypatch.setenv("K_SERVICE", "api")
    monkeypatch.setenv("GCE_METADATA_HOST", server.address)
    downloads = Downloads("bucket", deadline_s=1)
    downloads.read("a")
    downloads.close()
    assert [(path, authorization) for path, authorization, _ in server.asked] == [
        ("/storage/v1/b/bucket/o/a?alt=media", None)
    ]


def test_the_error_names_the_object_that_could_not_be_read(server: Server) -> None:
    server.lines = [say(403, b"not yours")]
    objects = CloudObjects("bucket")
    with pytest.raises(StoreUnavailable, match=r"^gs://bucket: models/current\.json: expected 200 or 404, got 403"):
        objects.read("models/current.json")
    objects.close()


def _slowly(first: bytes) -> Say:
    """Response that begins with `first` and goes on with a byte now and then, without end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(first)
        with suppress(OSError):
            while not ENDED.wait(0.05):
                handler.wfile.write(b"1")

    return answer


ENDED: Final = Event()
SLOW: Final = {
    "status": b"HTTP/1.1 2",
    "head": b"HTTP/1.1 200 OK\r\nX-A: ",
    "head of a missing object": b"HTTP/1.1 404 Not Found\r\nX-A: ",
    "body": b"HTTP/1.1 200 OK\r\nx-goog-generation: 7\r\nContent-Length: 900\r\n\r\n",
    "size of a chunk": b"HTTP/1.1 200 OK\r\nx-goog-generation: 7\r\nTransfer-Encoding: chunked\r\n\r\n",
    "message": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 900\r\n\r\n",
}


@pytest.mark.parametrize("name", SLOW)
def test_a_byte_now_and_then_wins_a_server_no_time(server: Server, downloads: Downloads, name: str) -> None:
    server.lines = [_slowly(SLOW[name])]
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        downloads.read("x", deadline_s=0.5)
    assert time.monotonic() - started < 1.5


def test_a_byte_now_and_then_wins_the_server_of_tokens_no_time(server: Server) -> None:
    server.lines = [_slowly(b"HTTP/1.1 200 OK\r\nMetadata-Flavor: ")]
    environ = {"K_SERVICE": "api", "K_CONFIGURATION": "api", "GCE_METADATA_HOST": server.address}
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        Tokens(environ, timeout_s=0.5).current()
    assert time.monotonic() - started < 1.5
