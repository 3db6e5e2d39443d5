"""Local demo: load sample data or a CSV folder, train, and serve the API with a web page: `python -m jobs.demo`."""

import argparse
import re
import signal
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from cloudevents.http import CloudEvent
from flask import Flask, Request, Response, jsonify, request, send_from_directory
from werkzeug.serving import WSGIRequestHandler, make_server

from functions import wiring
from functions.api import api
from functions.interaction import interaction
from jobs.console import Console
from jobs.load import load_folder
from jobs.options import ReadingOptions, add_arguments, reading_parser
from jobs.sample import write_sample
from shared.adapters.cloudevent import encode_change
from shared.entities import Interaction, fields
from shared.errors import MarqueeError
from shared.ports import Appended, InteractionLog
from shared.services.training.retrain import Plan, retrain
from shared.settings import Settings

_WEB: Final = Path(__file__).parent.parent / "web"
_MAX_SUGGESTED_USERS: Final = 1_000
_MAX_PORT: Final = 65_535
_HOST: Final = re.compile(r"(?:localhost|127\.0\.0\.1)(?::[0-9]{1,5})?", re.IGNORECASE)
_OWN_SITES: Final = ("same-origin", "none")
"""Values of Sec-Fetch-Site for requests of the page itself and of the user, who typed the address."""


class TriggeringLog:
    """Interaction log that runs the `interaction` trigger on each written document, as Firestore does."""

    def __init__(self, log: InteractionLog, trigger: Callable[[CloudEvent], None]) -> None:
        self._log = log
        self._trigger = trigger
        self.since, self.known, self.get, self.uncounted = log.since, log.known, log.get, log.uncounted

    def append(self, interactions: Sequence[Interaction], *, now: datetime) -> Sequence[Appended]:
        """Append: store interactions, then deliver each written document to the trigger."""
        results = self._log.append(interactions, now=now)
        ids = [entry.interaction_id for entry in interactions]
        written = [key for key, result in zip(ids, results, strict=True) if result is Appended.NEW]
        for entry in self._log.get(written).values():
            self._trigger(_written(entry))
        return results


def _written(entry: Interaction) -> CloudEvent:
    attributes = {
        "id": uuid.uuid4().hex,
        "source": "//firestore.googleapis.com/projects/local/databases/(default)",
        "type": "google.cloud.firestore.document.v1.written",
    }
    return CloudEvent(attributes, encode_change("interactions", entry.interaction_id, entry.to_document()))


def refusal(asked: Request) -> str | None:
    """Reason to refuse a request that another website made a browser send, None to answer it.

    The demo asks nobody who they are. Any page may have a browser call this machine: by a name of its own that it lets
    point here (DNS rebinding), which the host tells, or from its own origin, which the browser tells.
    """
    if not _HOST.fullmatch(asked.headers.get("Host", "")):
        return "expected localhost as the host"
    origin = asked.headers.get("Origin")
    if origin is not None and origin != f"http://{asked.headers['Host']}":
        return "expected a request of the demo's own page"
    # Browsers that send no Origin with it tell the site. A link from elsewhere may open the page.
    is_visit = asked.method == "GET" and asked.headers.get("Sec-Fetch-Mode") == "navigate"
    if asked.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES and not is_visit:
        return "expected a request of the demo's own page"
    return None


class PatientHandler(WSGIRequestHandler):
    """Request handler of the demo's server: a client that sends nothing for `timeout` seconds is left."""

    timeout = 10.0


def make_app(wired: wiring.Services) -> Flask:
    """Flask app of the demo: the web page, the API and a list of user ids to choose from."""
    app = Flask("marquee", static_folder=None)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

    @app.before_request
    def check() -> Response | None:
        reason = refusal(request)
        return None if reason is None else Response(reason, 403, content_type="text/plain; charset=utf-8")

    @app.route("/api/<path:_path>", methods=methods)
    def call_api(_path: str) -> Response:
        return api(request)

    @app.get("/demo/users")
    def users() -> Response:
        some = islice(wired.documents.users.changed_since(None), _MAX_SUGGESTED_USERS)
        return jsonify([user.user_id for user in some])

    @app.get("/", defaults={"name": "index.html"})
    @app.get("/<path:name>")
    def page(name: str) -> Response:
        return send_from_directory(_WEB, name)

    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the demo; returns the exit status."""
    parser = reading_parser(
        "jobs.demo",
        "Load data, train a model, and serve recommendations with a web page on localhost until stopped. "
        "Without --data, the data is that of a generated city.",
        example="--data FOLDER",
    )
    parser.add_argument("--port", type=int, default=8080, help="port on localhost (default: %(default)s; 0 for any)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="CSV folder to load instead of the sample city")
    parser.add_argument("--users", type=int, default=99, help="sample users (default: %(default)s)")
    parser.add_argument("--events", type=int, default=50, help="sample events (default: %(default)s)")
    parser.add_argument("--interactions", type=int, default=467, help="sample interactions (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the sample city (default: %(default)s)")
    add_arguments(parser)
    given = parser.parse_args(arguments)
    console = Console(sys.stderr)
    # Handle both signals as Ctrl-C, so that the temporary folder is deleted; shells start background jobs with SIGINT
    # ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        fields.integer({"--port": given.port}, "--port", low=0, high=_MAX_PORT)
        options = ReadingOptions.parse(given)
        with tempfile.TemporaryDirectory(prefix="marquee-demo-") as folder:
            _serve(given, options, Path(folder), console)
    except (MarqueeError, OSError) as error:
        console.say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        console.say("stopped; the demo's files are gone")
    return 0


def _serve(given: argparse.Namespace, options: ReadingOptions, folder: Path, console: Console) -> None:
    settings = Settings(
        documents=f"sqlite:{folder / 'documents.db'}",
        objects=f"folder:{folder / 'bucket'}",
        require_auth=False,
        refresh_s=1.0,
        timezone=options.calendar().timezone,
    )
    wired = wiring.build(settings)
    data = given.data
    if data is None:
        data = folder / "city"
        console.say(f"generating a city: {given.users} users, {given.events} events, {given.interactions} interactions")
        write_sample(
            data,
            users=given.users,
            events=given.events,
            interactions=given.interactions,
            seed=given.seed,
            now=datetime.now(UTC),
        )
    console.say(f"loading {data}")
    load_folder(
        data, wired.documents, rejected=folder / "rejected.csv", now=wired.now(), console=console, options=options
    )
    console.say("training")
    plan = Plan(model=settings.model, half_life_days=settings.half_life_days, calendar=wiring.calendar(settings))
    trainer = wiring.trainer(wired, lambda step: console.say(step.message))
    retrain(trainer, plan, scheduled_at=wired.now())
    if next(wired.documents.events.live(wired.now()), None) is None:
        console.say("warning: none of these events is still to come, so every list will be empty")
    log = TriggeringLog(wired.documents.interactions, interaction)
    wired = replace(wired, documents=replace(wired.documents, interactions=log))
    with wiring.use(wired):
        app = make_app(wired)
        server = make_server("127.0.0.1", given.port, app, threaded=True, request_handler=PatientHandler)
        console.say(f"serving http://localhost:{server.server_port} until Ctrl-C")
        try:
            server.serve_forever()
        finally:
            server.server_close()


if __name__ == "__main__":
    sys.exit(main())
