"""`python -m services.nlu.prepare`: build the sentence encoder ahead of its first use."""

import sys

from mesh.config import ConfigError, load
from services.nlu.config import NluSettings
from services.nlu.encoder.cache import prepare


def main() -> int:
    """Prepare the encoder in VOICEMESH_CACHE_DIR, a line of progress a step; 1 with a sentence on failure."""
    try:
        prepare(load(NluSettings).cache_dir, lambda line: print(line, flush=True))  # noqa: T201 - it is a command
    except (ConfigError, OSError) as error:
        print(f"sentence encoder: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
