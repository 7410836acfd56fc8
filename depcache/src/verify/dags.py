# Parses every DAG file as Airflow's dag processor does, each in a process of its own forked from one that has Airflow
# loaded. Follows frames.py. Arguments: answer, tree, folder of the DAG files, seconds for one file.
import contextlib
import signal
import time
from pathlib import Path

TREE, FOLDER, FILE_TIMEOUT_S = sys.argv[2], sys.argv[3], int(sys.argv[4])
CHUNK = 65536
FILE_ANSWER_BYTES = 4 << 20


def dag_files():
    """What the dag processor would find: `.airflowignore` honoured, files without `dag` and `airflow` left out."""
    try:
        from airflow.dag_processing.importers import get_importer_registry

        found = get_importer_registry().list_dag_files(FOLDER, safe_mode=True)
    except ImportError:  # Airflow before 3.2
        from airflow.utils.file import list_py_file_paths

        with contextlib.suppress(TypeError):
            return sorted(list_py_file_paths(FOLDER, safe_mode=True, include_examples=False))
        found = list_py_file_paths(FOLDER, safe_mode=True)
    return sorted(str(file) for file in found)


@contextlib.contextmanager
def remembered(kept):
    """Keeps the exceptions that DagBag logs: it hands on their text only."""
    import logging

    class Keep(logging.Handler):
        def emit(self, record):
            if record.exc_info and record.exc_info[1] is not None:
                kept.append(record.exc_info[1])

    handler, names = Keep(), ("airflow.dag_processing", "airflow.models.dagbag")
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def parse(file):
    kept = []
    with remembered(kept):
        try:
            from airflow.dag_processing.dagbag import BundleDagBag

            bag = BundleDagBag(file, bundle_path=Path(FOLDER), bundle_name="candidate", load_op_links=False)
        except ImportError:  # Airflow before 3.2
            from airflow.models.dagbag import DagBag

            sys.path.append(FOLDER)
            bag = DagBag(file, include_examples=False)
    failure = None
    if bag.import_errors:
        text = next(iter(bag.import_errors.values()))
        failure = told(kept[0], TREE) if kept else from_text(text)
    else:
        failure = unserialisable(bag)
    return {"dags": sorted(bag.dags), "failure": failure}


def from_text(text):
    """An error of which only Airflow's text is known."""
    last = text.strip().splitlines()[-1] if text.strip() else "no reason was given"
    kind, colon, message = last.partition(": ")
    if not colon or not kind.replace(".", "").isidentifier():
        kind, message = "ImportError", last
    places = re.findall(r'File "([^"]+)", line (\d+)', text)
    own = [(file, int(line)) for file, line in places if file.startswith(TREE + os.sep)]
    place = {"file": own[-1][0], "line": own[-1][1], "function": "", "text": ""} if own else None
    return {"exception": kind, "message": message[:MESSAGE_CHARS], "place": place, "frames": []}


def unserialisable(bag):
    """A DAG that cannot be written to the metadata database is an import error too."""
    try:
        from airflow.serialization.serialized_objects import DagSerialization as Serialised
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as Serialised
    for dag in bag.dags.values():
        try:
            Serialised.to_dict(dag)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return told(error, TREE)
    return None


def die_with_parent():
    """The child is in a group of its own, so the end of this process must reach it another way."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


# Where a file asks Airflow for what only a running Airflow has: variables, connections, the metadata database.
ASKS = ("airflow/sdk/definitions/variable.py", "airflow/sdk/definitions/connection.py", "airflow/models/variable.py",
        "airflow/models/connection.py", "airflow/sdk/execution_time/context.py")


def is_unprovable(failure):
    """True when the file failed only because this process has no secrets and no Airflow to ask."""
    return bool(failure) and any(frame["file"].endswith(ASKS) for frame in failure["frames"])


def in_child(file):
    """Parses in a forked process: what a file imports, changes or breaks stays there."""
    started = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.setpgid(0, 0)
            die_with_parent()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            result = parse(file)
        except BaseException as error:  # noqa: BLE001
            result = {"dags": [], "failure": told(error, TREE)}
        with contextlib.suppress(OSError), os.fdopen(writing, "wb") as out:
            out.write(json.dumps(result, default=str).encode())
        os._exit(0)
    os.close(writing)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    text, in_time = read_all(reading, started + FILE_TIMEOUT_S)
    os.close(reading)
    if not in_time:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # what the file started and left behind
    try:
        result = json.loads(text)
    except ValueError:
        if not in_time:
            kind, message = "Timeout", f"the file did not finish within {FILE_TIMEOUT_S} s"
        elif os.WIFSIGNALED(status):
            kind, message = "Crash", f"the interpreter was ended by signal {os.WTERMSIG(status)}"
        else:
            kind, message = "Crash", f"the interpreter ended with status {os.waitstatus_to_exitcode(status)}"
        result = {"dags": [], "failure": {"exception": kind, "message": message, "place": None, "frames": []}}
    result["path"] = os.path.relpath(file, TREE)
    result["took_ms"] = int((time.monotonic() - started) * 1000)
    return result


def read_all(pipe, deadline):
    import select

    text = b""
    while len(text) < FILE_ANSWER_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            return text, False
        chunk = os.read(pipe, CHUNK)
        if not chunk:
            break
        text += chunk
    return text, True


def main():
    if not os.path.isdir(FOLDER):
        return answer([])
    import airflow.settings

    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "client"
    airflow.settings.initialize()
    # Once here instead of once in each child: the costly part of a parse.
    with contextlib.suppress(ImportError):
        import airflow.dag_processing.dagbag  # noqa: F401
        import airflow.sdk  # noqa: F401
    tables = owners()
    results = [in_child(file) for file in dag_files()]
    for result in results:
        result["culprit"] = blame(result["failure"], tables)
        result["unprovable"] = is_unprovable(result["failure"])
    answer(results)


def blame(failure, tables):
    """The distribution whose code raised, when it was not the file's own."""
    if not failure:
        return None
    frames = failure["frames"]
    return tables[0].get(frames[-1]["file"]) if frames else None


main()
