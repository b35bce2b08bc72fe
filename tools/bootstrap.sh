#!/bin/sh
# Make a virtual environment hold what a lock file says, and this project, editable. Quick where it does already.
#
#     PYTHON=python3.12 tools/bootstrap.sh [VENV [LOCK]]
#
# Needs Python 3.11-3.13 and a package index, nothing else. Without PYTHON an environment that is there keeps its own.
set -eu
venv=${1:-.venv}
lock=${2:-requirements.lock}

# Succeeds for an interpreter that runs, is of a right version, and can make an environment.
serves() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}
identity() { "$1" -c 'import sys; print(sys.version.split()[0], sys.base_prefix)' 2>/dev/null || true; }
fail() { echo "$1" >&2; exit 1; }

if [ -n "${PYTHON:-}" ]; then
    version=$("$PYTHON" -c 'import platform; print(platform.python_version())' 2>/dev/null) ||
        fail "PYTHON=$PYTHON does not run. Hint: give the path of Python 3.11, 3.12 or 3.13."
    serves "$PYTHON" ||
        fail "PYTHON=$PYTHON is $version; Python 3.11, 3.12 or 3.13 with venv and ensurepip is needed."
    python=$PYTHON
    [ "$(identity "$python")" = "$(identity "$venv/bin/python")" ] || rm -f "$venv/.locked"
elif serves "$venv/bin/python"; then
    python=$venv/bin/python
else
    python=
    for candidate in python3.13 python3.12 python3.11 python3 python; do
        if serves "$candidate"; then python=$candidate && break; fi
    done
    [ -n "$python" ] || fail "Python 3.11, 3.12 or 3.13 with venv is needed and was not found.\
 Hint: install one (Debian, Ubuntu: python3-venv too), or say make PYTHON=PATH."
fi

locked="$(pwd -P) $(identity "$python") $(cksum <"$lock")"
if [ "$locked" != "$(cat "$venv/.locked" 2>/dev/null)" ]; then
    echo "Making $venv with Python $(identity "$python" | cut -d ' ' -f 1) from $lock (about 2 GB)"
    real=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))')
    "$real" -m venv --clear "$venv"
    # uv comes from the lock itself, hashes checked; it installs the rest many times faster than pip.
    sed -n '/^uv==/,/[^\\]$/p' "$lock" >"$venv/uv.txt"
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes -r "$venv/uv.txt"
    "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --compile-bytecode --require-hashes -r "$lock" ||
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$lock"
    echo "$locked" >"$venv/.locked"
fi

installed=$(cksum <pyproject.toml)
if [ "$installed" != "$(cat "$venv/.installed" 2>/dev/null)" ]; then
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
    echo "$installed" >"$venv/.installed"
fi
