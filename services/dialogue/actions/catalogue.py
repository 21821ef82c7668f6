"""Which actions there are: those a domain declares, and those that distributions bring by entry points."""

from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from mesh.config import ConfigError
from services.dialogue.actions.declared import declared_actions
from services.dialogue.actions.http import HttpTransport
from services.dialogue.actions.model import ActionSpec

GROUP = "voicemesh.dialogue.actions"


class ActionCatalogue:
    """Finds actions by domain and name.

    Args:
        everywhere: those that every domain has.
        by_domain: those that one domain has; of two with one name the domain's own counts.
    """

    def __init__(
        self, everywhere: Iterable[ActionSpec] = (), by_domain: Mapping[str, Iterable[ActionSpec]] | None = None
    ) -> None:
        self._everywhere = {spec.name: spec for spec in everywhere}
        self._by_domain = {
            domain: self._everywhere | {spec.name: spec for spec in specs}
            for domain, specs in (by_domain or {}).items()
        }

    def of(self, domain: str) -> Mapping[str, ActionSpec]:
        """Return a domain's actions by name."""
        return self._by_domain.get(domain, self._everywhere)


def installed_actions(transport: HttpTransport, folder: Path | None = None) -> ActionCatalogue:
    """Return the actions of all domains in a folder - by default the bundled ones - and of all entry points.

    Raises:
        ConfigError: an `actions.yaml` or an entry point cannot be used.
    """
    return ActionCatalogue(_of_entry_points(), declared_actions(transport, folder))


def _of_entry_points() -> list[ActionSpec]:
    specs = []
    for point in entry_points(group=GROUP):
        try:
            specs.append(_spec(point.name, point.load()))
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"action {point.name!r} in {GROUP} cannot be loaded ({error}); mend or remove it"
            ) from error
    return specs


def _spec(name: str, found: Any) -> ActionSpec:
    """Take a spec as it is; a bare function is an action of which nothing more is known."""
    if isinstance(found, ActionSpec):
        return found
    if not callable(found):
        raise ConfigError(f"action {name!r} in {GROUP} names no async function and no ActionSpec")
    return ActionSpec(name, found, description=(found.__doc__ or "").partition("\n")[0])
