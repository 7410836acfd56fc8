"""Real servers on free loopback ports: Redis, PostgreSQL, Airflow's components. Ended by pid, youngest first."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

STOP_S = 20
"""After this a component that ignores SIGTERM is killed: a test run must end."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what: str, condition: Callable[[], object], deadline_s: float = 90) -> object:
    """Poll until `condition()` is true; what it gave. Fails with `what` after the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s:.0f} s: {what} (last: {value!r})")
        time.sleep(0.1)


class Processes:
    """Child processes by name, each with its own log file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, subprocess.Popen] = {}

    def start(self, name: str, command: list[str], environ: dict[str, str], **options: object) -> subprocess.Popen:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, **options
            )
        self._running[name] = process
        return process

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self, name: str) -> None:
        process = self._running.pop(name)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def stop_all(self) -> None:
        for name in reversed(list(self._running)):
            self.stop(name)


def postgres_bin() -> Path:
    found = shutil.which("postgres")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1]


def start_postgres(processes: Processes, folder: Path) -> int:
    """A throw-away server without fsync; as user `postgres` when this is root, which PostgreSQL refuses."""
    port, data, as_user = free_port(), folder / "pg", {}
    data.mkdir()
    if os.getuid() == 0:
        shutil.chown(data, "postgres", "postgres")
        as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}
    tools, environ = postgres_bin(), {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    init = [str(tools / "initdb"), "-D", str(data / "data"), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL, env=environ, cwd="/", **as_user)
    settings = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={data}", "fsync=off"]
    command = [str(tools / "postgres"), "-D", str(data / "data")]
    for setting in settings:
        command += ["-c", setting]
    processes.start("postgres", command, environ, cwd="/", **as_user)
    ready = [str(tools / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    eventually("PostgreSQL answers", lambda: subprocess.run(ready, check=False).returncode == 0)
    return port


def start_redis(processes: Processes) -> int:
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    processes.start("redis", command, dict(os.environ))

    def answers() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    eventually("Redis answers", answers)
    return port


def http_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False
