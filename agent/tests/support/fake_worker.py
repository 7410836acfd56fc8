"""Stands in for `airflow celery worker` of Airflow 2 in tests: the remote control, titles, log lines and log files of
the real one, without Airflow. Takes tasks from the folder `$FAKE_HOME/queue`: files of the name `<run>.<seconds>`."""

import base64
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

HOME = pathlib.Path(os.environ["FAKE_HOME"])
ENVIRONMENT = pathlib.Path(os.environ.get("VIRTUAL_ENV", "base")).name
DAGS = pathlib.Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])


def argument(flag):
    return sys.argv[sys.argv.index(flag) + 1]


NODE, slots = argument("-H"), int(argument("-c"))
queues, terminated, tasks = ["default"], False, {}


def say(text):
    print(f"[2026-11-23 06:00:00,000: INFO/MainProcess] {text}", flush=True)


def show_slots():
    temporary = HOME / f".{NODE}"
    temporary.write_text(str(slots))
    temporary.rename(HOME / "slots" / NODE)


class Redis:
    """As much of the protocol as remote control needs."""

    def __init__(self):
        host, port = os.environ["FAKE_REDIS"].split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.file = self.socket.makefile("rb")

    def send(self, *words):
        words = [word if isinstance(word, bytes) else word.encode() for word in words]
        parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
        self.socket.sendall(b"*%d\r\n%s" % (len(words), parts))

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2]
        return rest


def answer(method, arguments):
    global slots, queues
    if method == "active":
        return [
            {"id": name, "name": "execute_command", "args": [words], "time_start": 1.0, "worker_pid": process.pid}
            for name, (words, process, _) in tasks.items()
        ]
    if method == "reserved":
        return []
    if method == "active_queues":
        return [{"name": name} for name in queues]
    if method == "cancel_consumer":
        queues = [name for name in queues if name != arguments["queue"]]
        return {"ok": "no longer consuming"}
    if method == "add_consumer":
        queues = sorted({*queues, arguments["queue"]})
        return {"ok": "consuming"}
    if method == "stats":
        return {"pid": os.getpid(), "uptime": 1, "pool": {"max-concurrency": 9, "processes": list(range(slots))}}
    if method == "pool_grow":
        slots += arguments["n"]
        show_slots()
        return {"ok": "pool will grow"}
    if method == "pool_shrink":
        given = min(arguments["n"], slots - len(tasks))
        slots -= given
        show_slots()
        return {"ok": "pool will shrink"} if given == arguments["n"] else {"error": "All processes busy!"}
    return {"error": f"no method {method}"}


def control(listener, replier):
    while True:
        message = listener.read()
        # From SIGTERM on a worker answers nothing.
        if message[0] != b"message" or terminated:
            continue
        body = json.loads(base64.b64decode(json.loads(message[2])["body"]))
        if NODE not in (body["destination"] or [NODE]):
            continue
        text = json.dumps({NODE: answer(body["method"], body["arguments"])})
        reply = {
            "body": base64.b64encode(text.encode()).decode(),
            "headers": {"ticket": body["ticket"]},
            "properties": {"body_encoding": "base64"},
        }
        replier.send("LPUSH", body["reply_to"]["routing_key"] + ".reply.celery.pidbox", json.dumps(reply))
        replier.read()


def take():
    for job in sorted((HOME / "queue").iterdir()):
        if len(tasks) >= slots or not queues or terminated:
            return
        name, seconds = job.name.split(".")
        try:
            job.rename(HOME / "taken" / job.name)
        except FileNotFoundError:
            continue
        words = ["airflow", "tasks", "run", "lab", "where", name, "--local", "--subdir", "DAGS_FOLDER/lab.py"]
        log = HOME / f"logs/dag_id=lab/run_id={name}/task_id=where/attempt=1.log"
        log.parent.mkdir(parents=True)
        code = (DAGS / "version.py").read_text()
        say(f"[{name}] Executing command in Celery: {words}")
        with log.open("w") as output:
            output.write(f"node {NODE} environment {ENVIRONMENT} code {code}\n")
            output.flush()
            title = f"airflow task supervisor: {words}"
            program = ["bash", "-c", 'exec -a "$0" sleep "$1"', title, seconds]
            tasks[name] = (words, subprocess.Popen(program, stdout=output, start_new_session=True), log)


def reap():
    for name, (_, process, log) in list(tasks.items()):
        if process.poll() is not None:
            with log.open("a") as output:
                output.write("Task exited with return code 0\n")
            say(f"Task execute_command[{name}] succeeded in 1.0s: None")
            del tasks[name]


def terminate(*_):
    global terminated
    terminated = True


def main():
    if (HOME / "broken").exists() and ENVIRONMENT in (HOME / "broken").read_text():
        sys.exit("this environment is broken")
    signal.signal(signal.SIGTERM, terminate)
    listener, replier = Redis(), Redis()
    listener.send("SUBSCRIBE", "/0.celery.pidbox")
    listener.read()
    show_slots()
    threading.Thread(target=control, args=(listener, replier), daemon=True).start()
    say(f"{NODE} ready.")
    while not (terminated and not tasks):
        time.sleep(0.02)
        reap()
        take()
    (HOME / "slots" / NODE).unlink()


main()
