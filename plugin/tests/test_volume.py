"""Volume and publications. Plain Python: no Airflow needed."""

from __future__ import annotations

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tests.support.compose import BASE_ID, publish
from updraft_airflow.errors import VolumeError
from updraft_airflow.startup import environment_on_volume
from updraft_airflow.volume import Volume, env_id_of


class VolumeTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        patch = mock.patch.dict(os.environ, {"UPDRAFT_VOLUME": folder.name, "UPDRAFT_BASE_ID": BASE_ID})
        patch.start()
        self.addCleanup(patch.stop)

    def test_without_a_volume_there_is_no_version_and_no_error(self) -> None:
        with mock.patch.dict(os.environ, {"UPDRAFT_VOLUME": str(self.root / "absent")}):
            self.assertIsNone(Volume.of("demo").current())
            self.assertFalse(Volume.of("demo").unpublished().exists())

    def test_current_is_the_publication_that_the_link_names(self) -> None:
        publication = publish(self.root, "demo", 7, {"dags/a.py": ""}, None)
        self.assertEqual(Volume.of("demo").current(), publication)
        self.assertTrue((Volume.of("demo").tree(publication) / "dags/a.py").exists())

    def test_names_from_outside_cannot_leave_the_volume(self) -> None:
        for repository in ("../x", "a/b", "", "A", ".hidden"):
            with self.subTest(repository), self.assertRaises(VolumeError):
                Volume.of(repository)
        for publication in ("../../etc", "1-abc", "00000001-zzzzzzzzzzzz"):
            with self.subTest(publication), self.assertRaises(VolumeError):
                Volume.of("demo").tree(publication)

    def test_environment_of_this_base(self) -> None:
        document = {"environments": [{"environment": "default", "base_id": BASE_ID, "env_id": "e" * 64}]}
        self.assertEqual(env_id_of(document, "default", BASE_ID), "e" * 64)
        self.assertIsNone(env_id_of(document, "gpu", BASE_ID))
        with self.assertRaisesRegex(VolumeError, "not for this machine's base"):
            env_id_of(document, "default", "f" * 64)
        with self.assertRaisesRegex(VolumeError, "UPDRAFT_BASE_ID is not set"):
            env_id_of(document, "default", "")

    def test_ready_means_tree_publication_and_environment(self) -> None:
        volume = Volume.of("demo")
        publication = publish(self.root, "demo", 1, {"dags/a.py": ""}, "e" * 64)
        self.assertFalse(environment_on_volume(volume, publication, "default")[0])
        (self.root / "envs" / ("e" * 64)).mkdir(parents=True)
        ready, environment = environment_on_volume(volume, publication, "default")
        self.assertTrue(ready)
        self.assertEqual(environment, volume.environment("e" * 64))

    def test_a_publication_of_another_schema_is_refused(self) -> None:
        publication = publish(self.root, "demo", 1, {"dags/a.py": ""}, None)
        path = self.root / "trees" / "demo" / f"{publication}.json"
        for text in ("{}", '{"schema": 2}', "[]", "not json"):
            path.write_text(text)
            with self.subTest(text), self.assertRaises(VolumeError):
                Volume.of("demo").publication(publication)
