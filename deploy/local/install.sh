#!/bin/sh
# Installs the system packages that the local bring-up needs, after saying which. Debian and its kin; never Rust.
# usage: install.sh [--check]      --check only says what is missing (exit 1 when something is)
set -eu

missing=""
need() { # need PROGRAM PACKAGE: Debian keeps PostgreSQL's programs off PATH
    command -v "$1" >/dev/null 2>&1 && return
    for found in /usr/lib/postgresql/*/bin/"$1"; do [ -x "$found" ] && return; done
    case " $missing " in *" $2 "*) ;; *) missing="$missing $2" ;; esac
}
need redis-server redis-server
need initdb postgresql
need postgres postgresql
need git git
# the dashboard is looked at by its tests
need chromium chromium

python=""
for candidate in ${UPDRAFT_LOCAL_PYTHON:-} python3.11 python3; do
    if command -v "$candidate" >/dev/null 2>&1 &&
        [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = 3.11 ]; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || missing="$missing python3.11 python3.11-venv python3-pip"
# pip is asked for the machine's index settings. Debian ships it apart from the interpreter.
if [ -n "$python" ] && ! "$python" -m pip --version >/dev/null 2>&1; then missing="$missing python3-pip"; fi
# An environment's interpreter has no pip of its own; there the one that comes with ensurepip is asked.
if [ -n "$python" ] && ! "$python" -c 'import ensurepip' >/dev/null 2>&1; then missing="$missing python3-venv"; fi

[ -n "$missing" ] || exit 0
echo "Missing system packages:$missing" >&2
[ "${1:-}" != --check ] || exit 1
if ! command -v apt-get >/dev/null 2>&1; then
    echo "This is no Debian. Install the programs by hand: redis-server, PostgreSQL (initdb, postgres), git, Python 3.11 with pip." >&2
    exit 69
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "Run as root: apt-get install$missing" >&2; exit 69; }
    sudo=sudo
fi
echo "Running: ${sudo:+sudo }apt-get install -y --no-install-recommends$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# A postgresql package starts a cluster of its own; the bring-up does not use it. Tell Debian not to make one.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    $sudo mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
$sudo apt-get update -q >&2
# shellcheck disable=SC2086 -- a list of words
$sudo apt-get install -y --no-install-recommends $missing >&2
