"""A package index on loopback that answers from a recording, and records what it is asked for the first time.

Pages say what the public index says about their lifetime (ten minutes; files never change), so that both programs may
use their caches as they would there. What upstream answers is kept byte for byte, except that links point here.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import pathlib
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

PAGE = "application/vnd.pypi.simple.v1+json"


class RecordedIndex:
    def __init__(self, upstream: str, folder: pathlib.Path):
        self.upstream, self.folder = upstream.rstrip("/"), folder
        self.links: dict[str, str] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for links in folder.glob("*.links"):
            self.links |= json.loads(links.read_text())
        handler = type("Handler", (_Handler,), {"index": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, name="recorded-index", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/simple"

    def answer(self, method: str, path: str, span: str | None) -> tuple[int, dict[str, str], bytes]:
        key = hashlib.sha256(f"{method} {path} {span}".encode()).hexdigest()
        kept = self.folder / key
        if kept.exists():
            head, body = kept.read_bytes().split(b"\n", 1)
            status, headers = json.loads(head)
            return status, headers, body
        for pause_s in (0.5, 2, 5, None):
            try:
                status, headers, body = self._ask(method, path, span)
                break
            except OSError:
                # Name servers and proxies refuse when everything is asked at once.
                if pause_s is None:
                    raise
                time.sleep(pause_s)
        if status < 500:
            fresh = kept.with_suffix(f".{threading.get_ident()}")
            fresh.write_bytes(json.dumps([status, headers]).encode() + b"\n" + body)
            fresh.rename(kept)
        return status, headers, body

    def _ask(self, method: str, path: str, span: str | None) -> tuple[int, dict[str, str], bytes]:
        is_page = path.startswith("/simple/")
        if is_page:
            url = self.upstream + path.removeprefix("/simple")
        else:
            url = self.links.get(path.removesuffix(".metadata"), "")
            url += ".metadata" if path.endswith(".metadata") else ""
        if not url.startswith("http"):
            return 404, {}, b""
        request = urllib.request.Request(url, method=method, headers={"Accept": PAGE} if is_page else {})
        if span:
            request.add_header("Range", span)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                status, body = answer.status, answer.read()
                wanted = ("Content-Type", "Content-Range", "Accept-Ranges", "Content-Length")
                headers = {name: answer.headers[name] for name in wanted if answer.headers[name]}
        except urllib.error.HTTPError as error:
            return error.code, {}, b""
        if is_page:
            body = self._linked_here(url, body)
            headers = {"Content-Type": PAGE, "Cache-Control": "max-age=600, public"}
            headers["ETag"] = '"' + hashlib.sha256(body).hexdigest()[:32] + '"'
        else:
            headers["Cache-Control"] = "max-age=365000000, immutable, public"
        return status, headers, body

    def _linked_here(self, url: str, body: bytes) -> bytes:
        page, links = json.loads(body), {}
        for file in page["files"]:
            link = urllib.parse.urljoin(url, file["url"])
            here = "/files/" + hashlib.sha256(link.encode()).hexdigest()[:40] + "/" + file["filename"]
            links[here] = link
            file["url"] = here
        self.links |= links
        name = hashlib.sha256(url.encode()).hexdigest()
        (self.folder / f"{name}.links").write_text(json.dumps(links))
        return json.dumps(page).encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index: RecordedIndex

    def do_GET(self) -> None:
        status, headers, body = self.index.answer(self.command, self.path, self.headers["Range"])
        if self.headers["If-None-Match"] and self.headers["If-None-Match"] == headers.get("ETag"):
            status, body = 304, b""
        self.send_response(status)
        length = headers.get("Content-Length") if self.command == "HEAD" else None
        for name, value in headers.items():
            if name != "Content-Length":
                self.send_header(name, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    print(RecordedIndex(sys.argv[1], pathlib.Path(sys.argv[2])).url, flush=True)
    # Until whoever started it is done.
    sys.stdin.read()
