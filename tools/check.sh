#!/bin/sh
# All checks that need no running service. Runs every one even when one fails, then says which failed.
cd "$(dirname "$0")/.." || exit 1
failed=""

run() {
    title=$1
    shift
    echo "== $title"
    "$@" || failed="$failed
   $title"
}

run "format (ruff format; mended by: make format)" ruff format --check --quiet .
run "style (ruff check)" ruff check --quiet .
run "types (mypy --strict)" mypy
run "contracts' style (buf lint)" buf lint
run "contracts' compatibility (buf breaking)" sh tools/buf_breaking.sh
run "import arrows (import-linter)" lint-imports
run "stubs are those of proto/ (mended by: make stubs)" sh tools/stubs_current.sh
run "docs/asyncapi.yaml is that of proto/ (mended by: make asyncapi)" python tools/asyncapi.py --check

if [ -n "$failed" ]; then
    echo "FAILED:$failed"
    exit 1
fi
echo "all checks passed"
