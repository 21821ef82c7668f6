#!/bin/sh
# Compares the contracts with the last published ones: main on origin, else the last tag, else the commit before
# this one, else (a clone of a single commit) this very commit, so that changes not committed are still compared.
set -eu
cd "$(dirname "$0")/.."

head=$(git rev-parse --quiet --verify HEAD) || {
    echo "no git history here: nothing to compare with"
    exit 0
}
tag=$(git describe --tags --abbrev=0 2>/dev/null || true)
against=$head
for candidate in refs/remotes/origin/main "${tag:+refs/tags/$tag}" HEAD~1; do
    [ -n "$candidate" ] || continue
    commit=$(git rev-parse --quiet --verify "$candidate^{commit}") || continue
    # Not this commit itself (main was just pushed), and it must have contracts.
    if [ "$commit" != "$head" ] && git cat-file -e "$commit:buf.yaml" 2>/dev/null; then
        against=$commit
        break
    fi
done

aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT
git archive "$against" buf.yaml proto | tar -x -C "$aside"
echo "against $(git log -1 --format='%h %s' "$against")"
buf breaking --against "$aside"
