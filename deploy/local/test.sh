#!/usr/bin/env bash
# The proof, step by step: build, house rules, the main job on real Airflow, every test. CI runs it by `make test`.
# What takes how long is printed at the end. State: .test/ (kept for the next run, git-ignored).
set -euo pipefail
cd "$(dirname "$0")/../.."

state="$PWD/.test"
bin="$CARGO_TARGET_DIR/ci"
export CARGO_TERM_COLOR=never NO_COLOR=1
times=()
step() { # step NAME COMMAND…
    local name=$1 started=$SECONDS
    shift
    echo "=== $name"
    "$@"
    times+=("$(printf '%5d s  %s' $((SECONDS - started)) "$name")")
}

# Whatever happens: nothing that the main job started stays.
trap '"$bin/updraft-local" --state-dir "$state" down || true' EXIT

installed() { # installed RECORD: the path of a base that a bring-up remembers
    sed -n 's/.*"path": *"\([^"]*\)".*/\1/p' "$state/$1"
}

interpreter() {
    local python
    for python in "${UPDRAFT_LOCAL_PYTHON:-}" python3.11 python3; do
        [ -n "$python" ] && command -v "$python" && return
    done
}

plugin_tests() {
    local python
    python=$(interpreter) || return
    (cd plugin && PYTHONPATH=src:. "$python" -m unittest discover -s tests -t .)
}

# What the resolver is compared with: uv, pip and packaging, in an environment of their own.
peers() {
    local venv="$state/peers" python
    python=$(interpreter) || return
    [ -x "$venv/bin/uv" ] || { "$python" -m venv "$venv" && "$venv/bin/pip" install --quiet uv==0.13.9 pip==26.3 packaging==26.3; } || {
        rm -rf "$venv"
        echo "uv, pip and packaging cannot be had here: comparisons with them say so and pass"
        return 0
    }
    export UPDRAFT_TEST_PEERS="$venv"
}

# A second real S3 server for the object store's conformance suite, where Go is present.
versitygw() {
    local bin="$state/bin"
    if [ ! -x "$bin/versitygw" ]; then
        command -v go >/dev/null || { echo "no Go here: the suite runs on the directory and testkit's S3 alone"; return 0; }
        GOBIN="$bin" timeout 600 go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 || {
            echo "versitygw cannot be had here: the suite runs on the directory and testkit's S3 alone"
            return 0
        }
    fi
    export UPDRAFT_TEST_VERSITYGW="$bin/versitygw"
}

step "build" make --no-print-directory build
step "house rules" make --no-print-directory house
# First the product's main job: it also installs the Airflow that the tests run on.
step "main job on real Airflow" "$bin/updraft-local" --state-dir "$state" demo
export UPDRAFT_TEST_AIRFLOW="$(installed base.json)"
# The rows whose answer is Updraft's own; `make soak` provokes all of them.
step "failures on real Airflow" "$bin/updraft-local" --state-dir "$state" failures \
    agent worker both pool-child task redis-empty s3 disk memory
step "main job on Airflow 2.11" "$bin/updraft-local" --state-dir "$state" --airflow 2.11 demo
export UPDRAFT_TEST_AIRFLOW2="$(installed base-2.11.json)"
step "plugin, on the same Airflow" plugin_tests
step "versitygw" versitygw
step "peers" peers
step "time to resolve beside uv" "$(interpreter)" benches/resolve/measure.py --depcache "$bin/depcache" --gate benches/resolve/gate.json
step "every other test" cargo test --profile ci --locked --workspace --no-fail-fast
echo "=== all passed"
printf '%s\n' "${times[@]}"
