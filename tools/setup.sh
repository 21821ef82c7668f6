#!/bin/sh
# Finds a Python that the lock is made for and lets it make .venv (tools/setup.py).
set -eu
cd "$(dirname "$0")/.."

# The environment's own Python must not make the environment.
PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -vxF "$PWD/.venv/bin" | paste -sd: -)

for python in python3 python3.11 python3.12 python3.13 python3.14; do
    # A name may exist and yet not run (a version manager's shim), so it is tried.
    if "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
        exec "$python" tools/setup.py
    fi
done

echo "Voicemesh needs Python 3.11 to 3.14, and none was found as python3 or python3.11 ... python3.14." >&2
echo "Install one (Debian and Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13)." >&2
exit 1
