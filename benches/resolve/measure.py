#!/usr/bin/env python3
"""Time to resolve and peak memory of `depcache lock` beside `uv pip compile`, in one run, round by round in turn.

    benches/resolve/measure.py --depcache target/release/depcache --uv PATH -o benches/results/DATE-resolve.json
    benches/resolve/measure.py --depcache target/ci/depcache --uv PATH --gate benches/resolve/gate.json

`cold`: empty caches, over the machine's own index. `warm`: everything is in the caches and fresh, over a recording on
loopback that states the public index's lifetimes. `--gate` resolves made packages, needs no network, and fails when the
ratio is a quarter worse than recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
# A ratio this much above the recorded one fails the gate.
TOLERANCE = 1.25
RESAMPLES = 4000
# One resolution takes seconds; what takes this long hangs.
TIMEOUT_S = 300


def run(command: list[str], env: dict[str, str], folder: pathlib.Path) -> dict[str, float]:
    """Runs a command to its end: wall seconds, processor seconds, peak resident bytes."""
    err = folder / "stderr"
    with open(err, "wb") as errors:
        started = time.perf_counter()
        child = subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}:\n{err.read_text()[-2000:]}")
    if wall > TIMEOUT_S:
        raise SystemExit(f"{command[0]} took {wall:.0f} s")
    return {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024}


class Index:
    """An index in a process of its own: what it holds in memory is not counted for the programs that are started here."""

    def __init__(self, program: str, *arguments: str):
        command = [sys.executable, str(HERE / program), *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise SystemExit(f"{program} did not start")

    def close(self) -> None:
        assert self.process.stdin
        # It serves until its input ends.
        self.process.stdin.close()
        self.process.wait(10)


class Bench:
    def __init__(self, args: argparse.Namespace, folder: pathlib.Path):
        self.args, self.folder = args, folder
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_", "UPDRAFT_"))}
        self.env = keep | {"NO_COLOR": "1", "HOME": str(folder)}

    def commands(self, case: dict, index: str) -> dict[str, list[str]]:
        inputs = [str(path) for path in case["requirements"]]
        constraints = [word for path in case.get("constraints", []) for word in ("-c", str(path))]
        newer = ["--exclude-newer", case["cut_off"]] if "cut_off" in case else []
        wheels = [] if case.get("sources") else ["--only-binary", ":all:"]
        return {
            "depcache": [self.args.depcache, "lock", *inputs, *constraints, *newer, *wheels, "--base", "none", "--python",
                         self.args.python, "--index-url", index, "--cache-dir", "depcache-cache"],
            "uv": [self.args.uv, "pip", "compile", *inputs, *constraints, *newer, *wheels, "--python", self.args.python,
                   "--default-index", index, "--cache-dir", "uv-cache", "--no-config",
                   "--quiet"],
        }

    def rounds(self, case: dict, index: str, rounds: int, cold: bool) -> dict[str, list[dict[str, float]]]:
        commands = self.commands(case, index)
        seen: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
        if not cold:
            for _ in range(2):
                for command in commands.values():
                    run(command, self.env, self.folder)
        for number in range(rounds):
            names = list(commands)
            # Neither always goes first.
            for name in names if number % 2 else names[::-1]:
                if cold:
                    shutil.rmtree(self.folder / f"{name}-cache", ignore_errors=True)
                seen[name].append(run(commands[name], self.env, self.folder))
        return seen


def interval(ours: list[float], theirs: list[float]) -> list[float]:
    """95 % bootstrap interval of the ratio of medians."""
    chance = random.Random(7)
    ratios = sorted(
        statistics.median(chance.choices(ours, k=len(ours))) / statistics.median(chance.choices(theirs, k=len(theirs)))
        for _ in range(RESAMPLES)
    )
    return [round(ratios[int(RESAMPLES * 0.025)], 3), round(ratios[int(RESAMPLES * 0.975)], 3)]


def compared(seen: dict[str, list[dict[str, float]]]) -> dict:
    out: dict = {}
    for what in ("wall_s", "cpu_s", "peak_bytes"):
        ours, theirs = ([one[what] for one in seen[name]] for name in ("depcache", "uv"))
        middle = [statistics.median(ours), statistics.median(theirs)]
        digits = 0 if what == "peak_bytes" else 4
        out[what] = {"depcache": round(middle[0], digits), "uv": round(middle[1], digits),
                     "ratio": round(middle[0] / middle[1], 3), "ratio_95": interval(ours, theirs)}
    return out | {"rounds": len(seen["uv"])}


def told(name: str, kind: str, result: dict) -> None:
    wall, memory = result["wall_s"], result["peak_bytes"]
    print(f"{name:14} {kind:5} {wall['depcache']:8.3f} s  uv {wall['uv']:8.3f} s  ratio {wall['ratio']:.2f} "
          f"[{wall['ratio_95'][0]:.2f}, {wall['ratio_95'][1]:.2f}]  processor {result['cpu_s']['ratio']:.2f}  "
          f"memory {memory['depcache'] / 1e6:.0f} MB, uv {memory['uv'] / 1e6:.0f} MB", file=sys.stderr, flush=True)


def default_index(python: str) -> str:
    ask = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    return subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()


def measure(args: argparse.Namespace, folder: pathlib.Path) -> None:
    upstream = args.index_url or default_index(args.python)
    bench, results = Bench(args, folder), {}
    cases = json.loads((HERE / "cases.json").read_text())
    root = pathlib.Path(args.fixtures).resolve()
    recorded = Index("recorded.py", upstream, str(args.recording or folder / "recording"))
    for case in cases["cases"]:
        if args.only and case["name"] not in args.only:
            continue
        case = case | {key: [root / path for path in case.get(key, [])] for key in ("requirements", "constraints")}
        if "instead" in case:
            path = folder / f"{case['name']}.in"
            path.write_text("\n".join(case["instead"]) + "\n")
            case["requirements"] = [path]
        if "without" in case:
            path = folder / f"{case['name']}.in"
            lines = "\n".join(known.read_text() for known in case["requirements"]).splitlines()
            path.write_text("".join(f"{line}\n" for line in lines if case["without"] not in line))
            case["requirements"] = [path]
        case.setdefault("cut_off", cases["cut_off"])
        result = {}
        if args.warm:
            result["warm"] = compared(bench.rounds(case, recorded.url, args.warm, cold=False))
            told(case["name"], "warm", result["warm"])
        if args.cold:
            result["cold"] = compared(bench.rounds(case, upstream, args.cold, cold=True))
            told(case["name"], "cold", result["cold"])
        results[case["name"]] = result
    recorded.close()
    version = subprocess.run([args.uv, "--version"], capture_output=True, text=True).stdout.strip()
    document = {"schema": 1, "what": "depcache lock beside uv pip compile", "uv": version, "profile": args.profile,
                "cores": os.cpu_count(), "cut_off": cases["cut_off"], "cases": results}
    if args.output:
        pathlib.Path(args.output).write_text(json.dumps(document, indent=1) + "\n")


def gate(args: argparse.Namespace, folder: pathlib.Path) -> None:
    """Made packages, warm; judged by the lower end of the interval and by processor time, so that a busy machine alone
    does not fail it: beside other work, wall times of the two programs double at different moments."""
    recorded = json.loads(pathlib.Path(args.gate).read_text())
    made = Index("made.py", *(str(recorded[what]) for what in ("seed", "projects", "versions")))
    requirements = folder / "made.in"
    requirements.write_text("".join(f"made-{number}\n" for number in range(0, recorded["projects"], 7)))
    seen = Bench(args, folder).rounds({"requirements": [requirements]}, made.url, args.warm or 15, cold=False)
    result = compared(seen)
    made.close()
    told("made", "warm", result)
    if args.record:
        recorded |= {"cpu_ratio": result["cpu_s"]["ratio"], "memory_ratio": result["peak_bytes"]["ratio"]}
        pathlib.Path(args.gate).write_text(json.dumps(recorded, indent=1) + "\n")
        return
    for what, known in (("cpu_s", recorded["cpu_ratio"]), ("peak_bytes", recorded["memory_ratio"])):
        if result[what]["ratio_95"][0] > known * TOLERANCE:
            raise SystemExit(f"{what}: {result[what]['ratio']} times uv's, recorded were {known}: more than {TOLERANCE} of it")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depcache", required=True)
    peers = os.environ.get("UPDRAFT_TEST_PEERS")
    parser.add_argument("--uv", default=f"{peers}/bin/uv" if peers else shutil.which("uv"))
    parser.add_argument("--python", default=shutil.which("python3"))
    parser.add_argument("--index-url")
    parser.add_argument("--fixtures", default=HERE.parents[2] / "shared/fixtures/requirements")
    parser.add_argument("--recording", help="keep the recording here, for another run")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--warm", type=int, default=0, help="rounds")
    parser.add_argument("--cold", type=int, default=0, help="rounds")
    parser.add_argument("--profile", default="release")
    parser.add_argument("--gate")
    parser.add_argument("--record", action="store_true", help="write the ratio into the gate's file")
    parser.add_argument("-o", "--output")
    args = parser.parse_args()
    if not args.uv or not pathlib.Path(args.uv).exists():
        print("resolve: no uv to compare with (UPDRAFT_TEST_PEERS), nothing is measured", file=sys.stderr)
        return
    args.depcache, args.uv = (str(pathlib.Path(path).resolve()) for path in (args.depcache, args.uv))
    with tempfile.TemporaryDirectory(prefix="resolve-") as folder:
        (gate if args.gate else measure)(args, pathlib.Path(folder))


if __name__ == "__main__":
    main()
