"""What `<domains>/<domain>/domain.yaml` says that the dialogue needs: the time zone of the business."""

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from mesh.config import ConfigError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def time_zones(folder: Path | None = None) -> dict[str, str]:
    """Return each domain's IANA time zone; a domain that names none is left out.

    Args:
        folder: the folder of domains; None: the bundled ones.

    Raises:
        ConfigError: naming the file that cannot be read or names no time zone that exists.
    """
    root: Traversable = folder if folder is not None else resources.files("voicemesh_domains")
    found: dict[str, str] = {}
    for entry in root.iterdir():
        path = entry / "domain.yaml"
        if not path.is_file():
            continue
        try:
            zone = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("time_zone")
            if zone is not None:
                found[entry.name] = ZoneInfo(zone).key
        except (yaml.YAMLError, AttributeError, TypeError, ValueError, ZoneInfoNotFoundError) as error:
            raise ConfigError(f"{path}: {error}; time_zone must be an IANA name such as America/New_York") from error
    return found
