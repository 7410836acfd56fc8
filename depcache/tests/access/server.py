"""An index whose behaviour is the first part of the path. Every request is a line in the log.

    server.py LOG [CERTIFICATE KEY [CLIENT-AUTHORITY]]        prints its port, serves until its input ends
"""

import base64
import collections
import hashlib
import http.server
import io
import json
import ssl
import sys
import threading
import zipfile

LOG, TLS = sys.argv[1], sys.argv[2:]
JSON = "application/vnd.pypi.simple.v1+json"
LOGIN = "Basic " + base64.b64encode(b"me:hunter2hunter2").decode()
tries = collections.Counter()


def wheel(name, version):
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}.py": "x = 1\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nabout\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    if name == "gamma":
        # METADATA in front, as numpy has it.
        members = {f"{info}/METADATA": members.pop(f"{info}/METADATA"), "gamma.bin": "x" * 400_000, **members}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in members.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return out.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        # Asked as a proxy: the whole address, of a host that only a proxy can know.
        proxied = self.path.startswith("http://index.invalid/")
        self.path = self.path.removeprefix("http://index.invalid")
        kind, _, rest = self.path.lstrip("/").partition("/")
        span, login = self.headers["Range"], self.headers["Authorization"]
        with open(LOG, "a") as log:
            conditional = " if-none-match" if self.headers["If-None-Match"] else ""
            log.write(f"{self.path}{' ' + span if span else ''}{' login' if login else ''}{conditional}"
                      f"{' proxied' if proxied else ''}\n")
        if kind == "auth" and login != LOGIN:
            return self.answer(401, WWW_Authenticate='Basic realm="index"')
        if kind == "forbidden":
            return self.answer(403)
        tries[self.path] += 1
        if kind == "busy" and tries[self.path] < 3:
            return self.answer(503, Retry_After="0")
        if kind == "later":
            return self.answer(503, Retry_After="3600")
        if rest.startswith("simple/"):
            return self.page(kind, rest.split("/")[1])
        if rest.endswith(".metadata"):
            return self.answer(404)
        name, version = rest.split("/")[-1].split("-")[:2]
        body = wheel(name, version)
        if kind == "ranges" and span:
            first, last = span.removeprefix("bytes=").split("-")
            start = int(first) if first else max(0, len(body) - int(last))
            end = int(last) if first else len(body) - 1
            return self.answer(206, body[start : end + 1], Content_Range=f"bytes {start}-{end}/{len(body)}")
        self.answer(200, body)

    def page(self, kind, name):
        versions = {"plain": {"alpha": ["1.0"], "beta": ["1.0"], "gamma": ["1.0"]}, "newer": {"alpha": ["2.0"]}, "empty": {}}
        offered = versions.get(kind, versions["plain"]).get(name)
        if offered is None:
            return self.answer(404)
        files = []
        for version in offered:
            filename = f"{name}-{version}-py3-none-any.whl"
            digest = hashlib.sha256(wheel(name, version)).hexdigest()
            files.append({"filename": filename, "url": f"/{kind}/files/{filename}", "hashes": {"sha256": digest}})
        body = json.dumps({"meta": {"api-version": "1.0"}, "name": name, "files": files}).encode()
        cache = {"etag": "max-age=0", "nostore": "no-store"}.get(kind, "max-age=600")
        if kind == "etag" and self.headers["If-None-Match"] == '"1"':
            return self.answer(304, ETag='"1"', Cache_Control=cache)
        self.answer(200, body, Content_Type=JSON, ETag='"1"', Cache_Control=cache)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
if TLS:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS[0], TLS[1])
    if len(TLS) > 2:
        context.load_verify_locations(TLS[2])
        context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
