"""A package index on loopback with made packages: the same ones for the same seed, as many as a large project needs."""

from __future__ import annotations

import hashlib
import http.server
import json
import random
import sys
import threading

PAGE = "application/vnd.pypi.simple.v1+json"
TAGS = ["py3-none-any", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp312-cp312-win_amd64"]


class MadeIndex:
    def __init__(self, seed: int, projects: int, versions: int):
        self.answers: dict[str, tuple[str, bytes]] = {}
        self.projects = projects
        chance = random.Random(seed)
        for project in range(projects):
            self._make(chance, project, versions)
        handler = type("Handler", (_Handler,), {"answers": self.answers})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, name="made-index", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/simple"

    def _make(self, chance: random.Random, project: int, versions: int) -> None:
        name, files = f"made-{project}", []
        # Later projects only, so that there are no circles; the newest versions fit each other.
        needs = sorted(chance.sample(range(project + 1, self.projects), min(4, self.projects - project - 1)))
        for number in range(versions):
            version = f"{number // 20}.{number % 20}.{chance.randrange(9)}"
            lines = "".join(f"Requires-Dist: made-{need}>={max(0, number // 20 - 2)}\n" for need in needs)
            extra = 'Provides-Extra: more\nRequires-Dist: made-0; extra == "more"\n'
            metadata = (f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.8\n{lines}{extra}\n"
                        + "About this package. " * 500).encode()
            for tag in TAGS:
                filename = f"made_{project}-{version}-{tag}.whl"
                path = f"/files/{filename}"
                self.answers[path + ".metadata"] = ("text/plain", metadata)
                files.append({
                    "filename": filename, "url": path, "requires-python": ">=3.8", "size": 10_000, "yanked": False,
                    "hashes": {"sha256": hashlib.sha256(filename.encode()).hexdigest()},
                    "upload-time": f"20{10 + number // 20:02}-01-{number % 20 + 1:02}T00:00:00.000001Z",
                    "core-metadata": {"sha256": hashlib.sha256(metadata).hexdigest()},
                })
        page = {"meta": {"api-version": "1.1"}, "name": name, "files": files}
        self.answers[f"/simple/{name}/"] = (PAGE, json.dumps(page).encode())


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answers: dict[str, tuple[str, bytes]]

    def do_GET(self) -> None:
        kind, body = self.answers.get(self.path, ("", b""))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind or "text/plain")
        self.send_header("Cache-Control", "max-age=600, public")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    print(MadeIndex(*map(int, sys.argv[1:4])).url, flush=True)
    # Until whoever started it is done.
    sys.stdin.read()
