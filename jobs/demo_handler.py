"""HTTP/1.1 request handler of the demo's server, whose connections stay open as those of Hosting do."""

from typing import Any, Final

from werkzeug.serving import WSGIRequestHandler
from werkzeug.wrappers import Response

_BODY: Final = ("Content-Length", "Transfer-Encoding")
"""Headers of which a request with a body has one."""


class PatientHandler(WSGIRequestHandler):
    """Request handler that keeps a connection open, until its client has sent nothing for `timeout` seconds.

    Werkzeug closes each connection after its answer, since an app may leave a part of a request's body unread, which
    would be taken for the next request. A page of thirty files then connects thirty times. Requests without a body are
    answered here, and their connection takes the next one.
    """

    protocol_version = "HTTP/1.1"
    timeout = 10.0

    def log_error(self, format: str, *args: Any) -> None:  # noqa: A002  # named by Werkzeug
        """Log of errors; a client that has nothing more to ask is none."""
        if not any(isinstance(value, TimeoutError) for value in args):
            super().log_error(format, *args)

    def run_wsgi(self) -> None:
        """Answer of the app; closes the connection after a request with a body."""
        if any(name in self.headers for name in _BODY):
            super().run_wsgi()
            return
        environ = self.make_environ()
        response = Response.from_app(self.server.app, environ, buffered=True)
        content, status, headers = response.get_wsgi_response(environ)
        self.send_response(response.status_code, status.partition(" ")[2])
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        for part in content:
            self.wfile.write(part)
