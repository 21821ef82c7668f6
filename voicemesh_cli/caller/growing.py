"""Agent turns that grow: one whose words are still being found is told once more with all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicemesh_client import AgentTurn


class Growing:
    """Remembers how much of the newest turn is known."""

    def __init__(self) -> None:
        self._turn_id = ""
        self._text = ""

    def news(self, turn: AgentTurn) -> str:
        """What of a turn's text was not told before; all of it where it began differently."""
        known = self._text if turn.turn_id == self._turn_id else ""
        self._turn_id, self._text = turn.turn_id, turn.text
        return turn.text.removeprefix(known).strip()
