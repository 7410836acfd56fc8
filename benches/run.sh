#!/usr/bin/env bash
# Figures of the running product, each beside its peer where it has one. Output: results/<date>-*.json.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="${CARGO_TARGET_DIR:-$PWD/target}/ci"
state="$PWD/.demo"
trap '"$bin/updraft-local" --state-dir "$state" down' EXIT

KEEP=1 "$bin/updraft-local" --state-dir "$state" demo
for what in from-zero environment; do
    "$bin/updraft-local" --state-dir "$state" measure "$what"
    cp "$state/measured-$what.json" "benches/results/$(date -u +%F)-$what.json"
done
cp "$state/verdict.json" "benches/results/$(date -u +%F)-verdict.json"
"$bin/updraft-local" --state-dir "$state" down
"$bin/updraft-local" --state-dir "$state" failures
cp "$state/failures.json" "benches/results/$(date -u +%F)-failures.json"

# The grammar of versions, markers and requirements against `packaging`, 100,000 texts of each kind; needs
# UPDRAFT_TEST_PEERS.
UPDRAFT_FUZZ_CASES=100000 cargo test --profile ci --locked --workspace --test oracle -- --nocapture | tee "benches/results/$(date -u +%F)-grammar.txt"

# A day of a million rows of usage in the dashboard: ingest, questions, first paint.
cargo test --profile ci --locked --workspace --test dashboard -- --ignored --nocapture | tee "benches/results/$(date -u +%F)-dashboard.txt"
