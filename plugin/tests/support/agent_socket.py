"""The agent's socket as a test can steer it: a list of answers, then `ready`."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)


class AgentSocket:
    """Answers `PUT /v1/trees/…` with what `answer(path)` gives: a status and a document."""

    def __init__(self, path: Path, answer: Callable[[str], tuple[int, dict]]) -> None:
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                outer.requests.append(self.path)
                status, document = answer(self.path)
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        path.unlink(missing_ok=True)
        self._server = _Server(str(path), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="agent-socket")
        self._thread.start()

    def __enter__(self) -> AgentSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
