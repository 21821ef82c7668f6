"""A model hub for tests: a real HTTP server that knows Range, and misbehaves when told to."""

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hub:
    """What the server serves, and what it counted."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    """Paths that answer with this status and nothing else."""
    drop_after: list[int] = field(default_factory=list)
    """For each of the next answers: bytes after which the connection is dropped."""
    etags: bool = True
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range of each request."""
    sent: int = 0
    """Bytes of bodies that were sent."""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.hub.requests.append((self.path, wanted))
        if self.path in self.hub.status:
            self.send_error(self.hub.status[self.path])
            return
        body = self.hub.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        etag = f'"{hashlib.md5(body).hexdigest()}"' if self.hub.etags else ""
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if wanted and self.headers.get("If-Range", etag) != etag:
            start, wanted = 0, ""
        if start >= len(body) > 0:
            self.send_error(416)
            return
        self._send(body, start, partial=bool(wanted), etag=etag)

    def _send(self, body: bytes, start: int, *, partial: bool, etag: str) -> None:
        self.send_response(206 if partial else 200)
        if partial:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        limit = self.hub.drop_after.pop(0) if self.hub.drop_after else len(body)
        piece = body[start : start + limit]
        self.wfile.write(piece)
        self.hub.sent += len(piece)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def model_hub() -> Iterator[Hub]:
    """Serve until the block ends."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
