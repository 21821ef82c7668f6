"""How values sound when they are read aloud, a language a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.dialogue.flow.spoken.en import English
from services.dialogue.flow.spoken.es import Spanish
from services.dialogue.flow.spoken.values import normal_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.dialogue.flow.spoken.forms import SpokenForms

__all__ = ["English", "Spanish", "languages", "normal_value", "spoken_forms"]

_LANGUAGES: Final[Mapping[str, SpokenForms]] = {forms.tag: forms for forms in (English(), Spanish())}


def spoken_forms(language: str) -> SpokenForms | None:
    """The forms of a BCP 47 tag's language, or None where there are none yet."""
    return _LANGUAGES.get(language.partition("-")[0].lower())


def languages() -> tuple[str, ...]:
    """The languages there are spoken forms for."""
    return tuple(sorted(_LANGUAGES))
