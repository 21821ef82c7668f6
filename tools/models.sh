#!/bin/sh
# Prepares the models that are converted once; `python -m services.nlu.prepare` finds a prepared one in the cache.
set -eu
cd "$(dirname "$0")/.."
exec python -m services.nlu.prepare
