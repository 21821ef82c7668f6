"""`python -m services.dialogue.content rotate`: a new key, and all content encrypted with it.

Prints one JSON document on stdout. It works on the store and the keys that the dialogue's own variables name, on a
machine that has the keys.
"""

import argparse
import asyncio
import json
import sys
from typing import Any

from mesh.config import ConfigError, load
from mesh.content import ContentError, ContentSettings, ContentStore

_WRONG_CONFIG = 2


async def rotate(store: ContentStore, *, new_key: bool, forget_old: bool) -> dict[str, Any]:
    """Encrypt all content with the newest key; say what became of it.

    Args:
        new_key: make a new key first; else what an earlier run left is gone on with.
        forget_old: take keys out that no content needs any more.

    Raises:
        ContentError: the store does not answer: run it again, it goes on.
        ConfigError: the keys cannot be changed here.
    """
    before = store.keys.ids
    if new_key:
        store.keys.add_new()
    done = await store.rewrap()
    rewritten = done.rewritten
    if forget_old and not done.unreadable:
        # Once more: what a process had sealed before it saw the new key may have come meanwhile.
        done = await store.rewrap()
        rewritten += done.rewritten
        if not done.unreadable:
            store.keys.forget(set(store.keys.ids) - done.keys_in_use)
    ids = store.keys.ids
    return {
        "key": ids[-1],
        "keys": list(ids),
        "rewritten": rewritten,
        "already": done.already,
        "unreadable": done.unreadable,
        "forgotten": [key for key in before if key not in ids],
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.dialogue.content", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("rotate", help="encrypt all content with a new key")
    command.add_argument("--no-new-key", action="store_true", help="go on with the newest key")
    command.add_argument("--forget-old", action="store_true", help="take out keys that nothing needs any more")
    chosen = parser.parse_args(arguments)
    try:
        store = load(ContentSettings).content_store()
        document = asyncio.run(rotate(store, new_key=not chosen.no_new_key, forget_old=chosen.forget_old))
    except (ConfigError, ContentError) as error:
        print(json.dumps({"error": {"message": str(error)}}))  # noqa: T201 - its one document
        return _WRONG_CONFIG if isinstance(error, ConfigError) else 1
    print(json.dumps(document))  # noqa: T201 - its one document
    return 0


if __name__ == "__main__":
    sys.exit(main())
