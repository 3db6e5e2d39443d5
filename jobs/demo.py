"""Local demo: load sample data or a CSV folder, train, and serve the API with a web page: `python -m jobs.demo`."""

import gzip
import os
import re
import socket
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

import click
from cloudevents.http import CloudEvent
from flask import Flask, Request, Response, request, send_from_directory
from werkzeug.serving import make_server

from functions import wiring
from functions.api import api
from functions.interaction import interaction
from functions.monitor import monitor
from jobs import outcome
from jobs.commandline import Job, run
from jobs.console import Console
from jobs.demo_handler import PatientHandler
from jobs.demo_routes import Town, demo_routes, generated_town
from jobs.load import load_folder
from jobs.options import ReadingOptions, reading_help, reading_options
from jobs.retrain import shown_on
from jobs.sample import city_options, write_sample
from shared.adapters.cloudevent import encode_change
from shared.adapters.scratch import scratch
from shared.entities import Interaction, fields
from shared.errors import InvalidField
from shared.ports import Appended, InteractionLog
from shared.services.training.retrain import Plan, retrain
from shared.settings import Settings, given_settings

_WEB: Final = Path(__file__).parent.parent / "web"
_SCRIPTS: Final = b'type="module" src="site/'
"""Part of each page of the site, and of no other page in `web/`."""
_STAGE: Final = b'<link rel="stylesheet" href="demo/demo.css">'
_MAX_PORT: Final = 65_535
_LOCALHOST: Final = "127.0.0.1"
_BACKLOG: Final = 128
"""Connections that may wait for the server, as of `socketserver` in Werkzeug."""
_HOST: Final = re.compile(r"(?:localhost|127\.0\.0\.1)(?::[0-9]{1,5})?", re.IGNORECASE)
_MONITOR_EVERY_S: Final = 600.0
"""Seconds between runs of `monitor`, as its schedule has it."""
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


def make_app(wired: wiring.Services, town: Town | None = None) -> Flask:
    """Flask app of the demo: the site with the demo's own part, the API, and routes that take the place of Firebase.

    The site asks `backend.js` who somebody is and for documents. Deployed, that is Firebase; here it is a module of the
    same exports that asks this server, and the site's pages have a stylesheet more. Other files are the same.
    """
    app = Flask("marquee", static_folder=None)
    app.register_blueprint(demo_routes(wired, town or Town()))
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

    @app.before_request
    def check() -> Response | None:
        reason = refusal(request)
        return None if reason is None else Response(reason, 403, content_type="text/plain; charset=utf-8")

    @app.route("/api/<path:_path>", methods=methods)
    def call_api(_path: str) -> Response:
        return api(request)

    @app.get("/backend.js")
    def backend() -> Response:
        return _page("demo/backend.js")

    @app.get("/", defaults={"name": "index.html"})
    @app.get("/<path:name>")
    def page(name: str) -> Response:
        return _page(name)

    return app


def _page(name: str) -> Response:
    # A browser asks again each time, so that a page and its modules are of one version.
    response = send_from_directory(_WEB, name, max_age=0)
    response.headers["Cache-Control"] = "no-cache"
    response.vary.add("Accept-Encoding")
    if response.status_code != HTTPStatus.OK:
        return response
    response.direct_passthrough = False
    with closing(response):
        content = response.get_data()
    if _SCRIPTS in content:
        # The stage on top has its room from the first paint on, so that the page does not move when its people come.
        content = content.replace(b"</head>", _STAGE + b"</head>")
    if request.accept_encodings.quality("gzip"):
        # As Hosting does.
        content = gzip.compress(content, mtime=0)
        response.content_encoding = "gzip"
    response.set_data(content)
    return response


@click.command(
    "demo",
    cls=Job,
    help=reading_help(
        "Load data, train a model, and serve recommendations with a web page on localhost until stopped. Without "
        "--data, the data is that of a generated city.",
        example="--data FOLDER",
    ),
)
@click.option("--port", type=int, default=8080, show_default=True, help="port on localhost; 0 for any")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="FOLDER", help="CSV folder to load instead of the generated city"
)
@city_options
@reading_options()
def command(*, port: int, data: Path | None, options: ReadingOptions, **city: int) -> None:
    """Demo on localhost, whose files are gone afterwards."""
    fields.integer({"--port": port}, "--port", low=0, high=_MAX_PORT)
    console, serving = Console(), False
    say_ignored(os.environ, console)
    try:
        with scratch("marquee-demo-") as folder, listening(port) as socket:
            wired = _ready(folder, data, city, options, console)
            serving = True
            serve(wired, generated_town() if data is None else Town(), socket, console)
    except KeyboardInterrupt:
        # Only Ctrl-C ends a server. One that is not yet there was interrupted.
        if not serving:
            raise
        console.say("stopped; the demo's files are gone")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the demo; returns the exit status."""
    return run(command, arguments, name="python -m jobs.demo")


@contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """Listening socket on a port of localhost, closed after the block; raises `InvalidField` for a port in use.

    The port is taken before the work begins, so that nobody waits for data that cannot be served. A port on which a
    server has just ended is free: connections that it has closed do not count.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((_LOCALHOST, port))
            taken.listen(_BACKLOG)
        except OSError as error:
            raise InvalidField("--port", port, f"a free port, or 0 for any ({error.strerror})") from error
        yield taken


def _ready(
    folder: Path, data: Path | None, city: Mapping[str, int], options: ReadingOptions, console: Console
) -> wiring.Services:
    """Services with the loaded data and a trained model, whose stores are in `folder`."""
    settings = local_settings(folder, timezone=options.calendar().timezone)
    wired = wiring.build(settings)
    if data is None:
        data = folder / "city"
        sizes = ", ".join(f"{city[name]:,} {name}" for name in ("users", "events", "interactions"))
        console.say(f"generating a city: {sizes}")
        with console.task("generating a city") as task:
            write_sample(data, **city, now=datetime.now(UTC), task=task)
    console.say(f"loading {data}")
    load_folder(
        data, wired.documents, rejected=folder / "rejected.csv", clock=wired.now, console=console, options=options
    )
    console.say("training")
    plan = Plan(model=settings.model, half_life_days=settings.half_life_days, calendar=wiring.calendar(settings))
    with console.task("training") as task:
        document = retrain(wiring.trainer(wired, shown_on(task, console)), plan, scheduled_at=wired.now())
    console.say("\n".join(outcome.models(document)))
    if next(wired.documents.events.live(wired.now()), None) is None:
        console.say("warning: none of these events is still to come, so every list will be empty")
    return wired


def say_ignored(environ: Mapping[str, str], console: Console) -> None:
    """Warning that names the settings of an environment: a demo has its own, so that it is the same on any machine."""
    if given := given_settings(environ):
        console.say(f"warning: the demo has settings of its own and ignores {', '.join(given)}")


def local_settings(folder: Path, *, timezone: str = Settings().timezone) -> Settings:
    """Settings of a demo whose stores are in `folder` and which asks nobody who they are."""
    return Settings(
        documents=f"sqlite:{folder / 'documents.db'}",
        objects=f"folder:{folder / 'bucket'}",
        require_auth=False,
        refresh_s=1.0,
        timezone=timezone,
    )


def serve(wired: wiring.Services, town: Town, taken: socket.socket, console: Console) -> None:
    """Serving of the demo on a listening socket, until Ctrl-C."""
    log = TriggeringLog(wired.documents.interactions, interaction)
    wired = replace(wired, documents=replace(wired.documents, interactions=log))
    with wiring.use(wired):
        port, app = taken.getsockname()[1], make_app(wired, town)
        server = make_server(_LOCALHOST, port, app, threaded=True, request_handler=PatientHandler, fd=taken.fileno())
        with _scheduled(app):
            console.say(f"reports: venv/bin/marquee report --objects {wired.settings.objects}")
            console.say(f"serving http://localhost:{port} until Ctrl-C")
            try:
                server.serve_forever()
            finally:
                server.server_close()


@contextmanager
def _scheduled(app: Flask) -> Iterator[None]:
    """Block in which `monitor` has run, and runs again every `_MONITOR_EVERY_S`."""
    is_over = threading.Event()

    def run_monitor() -> None:
        with app.test_request_context("/monitor", method="POST"):
            monitor(request)

    def repeat() -> None:
        while not is_over.wait(_MONITOR_EVERY_S):
            run_monitor()

    run_monitor()
    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
