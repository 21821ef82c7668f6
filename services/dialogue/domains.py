"""What `<domains>/<domain>/domain.yaml` says that the dialogue needs: the time zone of the business."""

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.dialogue.flow.mistakes import Mistakes
from services.dialogue.flow.reader import read

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def time_zones(folder: Path | None = None) -> dict[str, str]:
    """Return each domain's IANA time zone; a domain that names none is left out.

    Args:
        folder: the folder of domains; None: the bundled ones.

    Raises:
        ConfigError: naming file and line of all that is no YAML or names no time zone that exists.
    """
    root: Traversable = folder if folder is not None else resources.files("voicemesh_domains")
    found: dict[str, str] = {}
    mistakes = Mistakes()
    for entry in root.iterdir():
        path = entry / "domain.yaml"
        if not path.is_file():
            continue
        zone = read(path.read_text(encoding="utf-8"), str(path), mistakes).keys().get("time_zone")
        if zone is None or not zone.text():
            continue
        try:
            found[entry.name] = ZoneInfo(zone.text()).key
        except (ValueError, OSError, ZoneInfoNotFoundError):
            zone.note(f"no time zone {zone.text()!r}", "Write an IANA name such as America/New_York.")
    mistakes.settle()
    return found
