"""Words that are likely in an answer, by the entity type the agent waits for: the recogniser weighs them.

Data: `<domains>/common/<language>/phrases.yaml` and `<domains>/<domain>/<language>/phrases.yaml`, both optional,
each a mapping of entity type to a list of words.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from mesh.config import ConfigError
from services.dialogue.policy import Expectation

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


class Phrases:
    """Reads each file once.

    Args:
        folder: the folder of domains; None: the bundled ones.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder: Traversable = folder if folder is not None else resources.files("voicemesh_domains")
        self._load = cache(self._read)

    def likely(self, domain: str, language: str, expectation: Expectation) -> tuple[str, ...]:
        """Return the words that are likely in the answer, each once.

        Raises:
            ConfigError: when a file is not such a mapping.
        """
        primary = language.partition("-")[0].lower()
        files = [self._load(folder, primary) for folder in ("common", domain)]
        words = (word for kind in expectation.entity_types for file in files for word in file.get(kind, ()))
        return tuple(dict.fromkeys(words))

    def _read(self, folder: str, language: str) -> Mapping[str, list[str]]:
        path = self._folder / folder / language / "phrases.yaml"
        if not path.is_file():
            return {}
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ConfigError(f"{path}: not YAML ({error}); see docs/flows.md") from error
        if not isinstance(content, dict) or not all(_is_list_of_text(words) for words in content.values()):
            raise ConfigError(f"{path}: expected entity types, each with a list of words; quote words such as 'no'")
        return content


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)
