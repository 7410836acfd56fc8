"""A task that says every second that it lives, and can be asked to misbehave (`updraft-local failures`)."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import time
from pathlib import Path

from airflow.sdk import DAG, get_current_context, task

GREETING = "first"

with DAG("ticks", schedule=None, start_date=dt.datetime(2024, 1, 1), catchup=False):

    @task(retries=1, retry_delay=dt.timedelta(seconds=1))
    def work() -> str:
        """Ticks for `seconds`; its second try is short."""
        context = get_current_context()
        conf = context["dag_run"].conf or {}
        second_try = context["ti"].try_number > 1
        if conf.get("leftover") and not second_try:
            subprocess.Popen(["sleep", "600"], start_new_session=True)
        if conf.get("cgroup") and not second_try:
            Path(conf["cgroup"], "cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")
        hoard = []
        for second in range(3 if second_try else int(conf.get("seconds", 30))):
            print(f"tick {second}", flush=True)
            if conf.get("hoard_mb") and not second_try:
                hoard.append(b"x" * (int(conf["hoard_mb"]) << 20))
            time.sleep(1)
        return GREETING

    work()
