"""The agent's local socket: HTTP/1.1 and JSON over a unix socket, one request per connection."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from updraft_airflow.errors import AgentError, NotReadyError

REQUEST_TIMEOUT_S = 30.0
"""One request at most; the agent answers 503 rather than hold a connection for long."""
RETRY_S = 0.5
"""Pause between two questions: short against the wait, long against a busy agent."""
ANSWER_LIMIT_BYTES = 1 << 20
"""No answer of this API is larger than a few hundred bytes."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("agent", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def put_tree(repository: str, publication: str, timeout_s: float = REQUEST_TIMEOUT_S) -> dict[str, Any]:
    """Ask for a publication's tree and environment once: `{tree, environment: {id, path, mode} | null, took_ms}`.

    NotReadyError when the agent is not there or cannot yet (503), AgentError for any other refusal.
    """
    path = os.environ.get("UPDRAFT_SOCKET")
    if not path:
        raise NotReadyError("no agent is known here (UPDRAFT_SOCKET is not set)")
    connection = _UnixConnection(path, timeout_s)
    try:
        connection.request("PUT", f"/v1/trees/{quote(repository, safe='')}/{quote(publication, safe='')}")
        response = connection.getresponse()
        body = response.read(ANSWER_LIMIT_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise NotReadyError(f"the agent does not answer at {path} ({error.__class__.__name__})") from error
    finally:
        connection.close()
    if response.status == http.client.OK:
        return _answer(body)
    reason = _reason(body)
    if response.status == http.client.SERVICE_UNAVAILABLE:
        raise NotReadyError(reason)
    raise AgentError(f"the agent answered {response.status}: {reason}")


def _answer(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise AgentError("the agent's answer is not JSON") from error
    if not isinstance(answer, dict):
        raise AgentError("the agent's answer is not an object")
    return answer


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["reason"])
    except (ValueError, KeyError, TypeError):
        return body[:500].decode(errors="replace").strip() or "no reason given"


def wait_for_tree(
    repository: str,
    publication: str,
    ready: Callable[[], bool],
    wait_s: float,
    *,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Ask until `ready()` holds; NotReadyError with the last reason after `wait_s` seconds.

    Without an agent the volume itself is polled: on one machine another process may be filling it.
    """
    deadline = now() + wait_s
    while not ready():
        reason = "it is not on the volume"
        try:
            put_tree(repository, publication, timeout_s=max(1.0, min(REQUEST_TIMEOUT_S, deadline - now())))
            if ready():
                return
        except NotReadyError as error:
            reason = str(error)
        if now() >= deadline:
            raise NotReadyError(
                f"publication {publication} of `{repository}` is not ready after {wait_s:.0f} s: {reason}"
            )
        pause(RETRY_S)
