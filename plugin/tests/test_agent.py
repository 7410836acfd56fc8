"""The socket client against a real unix socket. Plain Python: no Airflow needed."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tests.support.agent_socket import AgentSocket
from updraft_airflow.agent import put_tree, wait_for_tree
from updraft_airflow.errors import AgentError, NotReadyError

PUBLICATION = "00000001-0123456789ab"


class AgentTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.socket = Path(folder.name, "agent.sock")
        patch = mock.patch.dict(os.environ, {"UPDRAFT_SOCKET": str(self.socket)})
        patch.start()
        self.addCleanup(patch.stop)

    def test_asks_for_the_tree_of_the_publication(self) -> None:
        answer = {"tree": "/t", "environment": None, "took_ms": 3}
        with AgentSocket(self.socket, lambda _: (200, answer)) as agent:
            self.assertEqual(put_tree("demo", PUBLICATION), answer)
        self.assertEqual(agent.requests, [f"/v1/trees/demo/{PUBLICATION}"])

    def test_503_and_silence_mean_later_everything_else_means_no(self) -> None:
        with AgentSocket(self.socket, lambda _: (503, {"reason": "store is away"})):
            with self.assertRaisesRegex(NotReadyError, "store is away"):
                put_tree("demo", PUBLICATION)
        with AgentSocket(self.socket, lambda _: (404, {"reason": "unknown publication"})):
            with self.assertRaisesRegex(AgentError, "404: unknown publication"):
                put_tree("demo", PUBLICATION)
        with self.assertRaisesRegex(NotReadyError, "does not answer"):
            put_tree("demo", PUBLICATION)
        with mock.patch.dict(os.environ), self.assertRaisesRegex(NotReadyError, "UPDRAFT_SOCKET"):
            del os.environ["UPDRAFT_SOCKET"]
            put_tree("demo", PUBLICATION)

    def test_what_is_there_needs_no_agent(self) -> None:
        wait_for_tree("demo", PUBLICATION, lambda: True, 0)

    def test_waits_until_ready(self) -> None:
        answers = [(503, {"reason": "fetching"}), (503, {"reason": "fetching"}), (200, {})]
        clock = iter(range(100))
        with AgentSocket(self.socket, lambda _: answers.pop(0)):
            wait_for_tree(
                "demo", PUBLICATION, lambda: not answers, 60, now=lambda: float(next(clock)), pause=lambda _: None
            )
        self.assertEqual(answers, [])

    def test_the_wait_is_bounded_and_ends_with_the_last_reason(self) -> None:
        clock, pauses = [0.0], []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            clock[0] += seconds

        with AgentSocket(self.socket, lambda _: (503, {"reason": "build 3 of 9"})):
            with self.assertRaisesRegex(NotReadyError, "not ready after 5 s: build 3 of 9"):
                wait_for_tree("demo", PUBLICATION, lambda: False, 5, now=lambda: clock[0], pause=pause)
        self.assertEqual(len(pauses), 10)
