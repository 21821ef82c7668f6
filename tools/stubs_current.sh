#!/bin/sh
# Generates the stubs aside and compares them with the committed ones.
set -eu
cd "$(dirname "$0")/.."
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT
buf generate --output "$aside" 2>"$aside/said" || {
    cat "$aside/said"
    exit 1
}
diff -r -x __pycache__ "$aside/stubs" stubs
