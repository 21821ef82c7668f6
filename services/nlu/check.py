"""`python -m services.nlu.check FOLDER...`: whether domains can be read; `voicemesh flow check` asks it.

Prints one JSON document. Exit code 1 when a domain is wrong.
"""

import json
import sys
from pathlib import Path

from mesh.config import ConfigError
from services.nlu.domains import load_domain


def main(folders: list[str]) -> int:
    """Check domains and return the exit code."""
    domains = [{"folder": folder} | _checked(Path(folder)) for folder in folders]
    sys.stdout.write(json.dumps({"domains": domains}, ensure_ascii=False) + "\n")
    return 1 if any("error" in domain for domain in domains) else 0


def _checked(folder: Path) -> dict[str, object]:
    try:
        data = load_domain(folder)
    except ConfigError as error:
        return {"error": str(error)}
    return {"intents": {language: len(known.intents) for language, known in data.languages.items()}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
