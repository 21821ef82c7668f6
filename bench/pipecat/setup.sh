#!/bin/sh
# Makes .venv beside this file: Pipecat as it is published, and what the two engines of this project import.
# A second run takes no time as long as nothing it depends on has changed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$here"

wanted=$(cat setup.sh requirements.txt "$root/proto/voicemesh/common/v1/error.proto" | cksum)" $here"
if [ -x .venv/bin/python ] && [ "$(cat .venv/installed 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

for python in python3 python3.11 python3.12 python3.13; do
    if "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
        break
    fi
    python=
done
if [ -z "$python" ]; then
    echo "The comparison with Pipecat needs Python 3.11 to 3.13." >&2
    exit 1
fi

echo "making bench/pipecat/.venv" >&2
"$python" -m venv --clear .venv
.venv/bin/python -m pip install --disable-pip-version-check --no-input --quiet --require-hashes -r requirements.txt >&2

# The engines import the project's list of errors. Pipecat asks for protobuf below 7 and the project's own stubs for
# 7, so this one file is generated for the protobuf that Pipecat has: its environment stays as it asks for.
mkdir -p .venv/stubs
.venv/bin/python -m grpc_tools.protoc -I "$root/proto" --python_out=.venv/stubs voicemesh/common/v1/error.proto
site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$root" "$here/.venv/stubs" >"$site/voicemesh-engines.pth"

printf '%s' "$wanted" >.venv/installed
