"""The conversation on the screen: what is said scrolls up, what is being said changes at the bottom."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

from voicemesh_cli.demo.stages import stage_line
from voicemesh_client import events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from voicemesh_cli.demo.published import PublishedEvent

_INDENT = " " * 16


class Screen:
    """Takes what happens, in the order in which it happens, and shows it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._turn = ""

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Show for the length of the block; the line at the bottom goes with it."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, transient=True, refresh_per_second=12) as live:
            self._live = live
            yield
        self._live = None

    def observe(self, event: events.Event) -> None:
        """Show an event of the session; audio and events without anything to see are passed over."""
        if isinstance(event, events.Transcript):
            self._transcript(event)
        elif isinstance(event, events.Understanding):
            self._understanding(event)
        elif isinstance(event, events.AgentTurn):
            self._say(event.audio_offset, "agent", event.text, "bold cyan")
        elif isinstance(event, events.AgentTurnEnded) and event.latency is not None:
            self._print(Text(_INDENT).append_text(stage_line(event.latency)))
        elif isinstance(event, events.AgentTurnEnded) and event.interrupted:
            self._print(Text(f"{_INDENT}(the caller talked over it)", style="dim"))
        elif isinstance(event, events.ErrorNotice):
            self._print(Text(f"{_INDENT}{event.reason}: {event.message}", style="red"))
        elif isinstance(event, events.SessionEnded):
            self._say(event.audio_offset, "ended", event.disposition.summary or event.disposition.code, "dim")

    def published(self, event: PublishedEvent) -> None:
        """Show an event of the bus."""
        line = Text(_INDENT).append("event ", style="dim").append(event.type, style="yellow")
        self._print(line.append(f"  {event.event_id}", style="dim"))

    def _transcript(self, event: events.Transcript) -> None:
        if event.is_final:
            self._bottom(None)
            sure = "" if event.confidence is None else f"  {event.confidence:.0%}"
            self._say(event.start, "caller", event.text, "bold green", sure)
        elif self._live is not None:
            self._bottom(_line(event.start, "caller", f"{event.text} ...", "green"))
        else:
            self._print(_line(event.start, "  ...", event.text, "dim"))

    def _understanding(self, event: events.Understanding) -> None:
        line = Text(_INDENT).append(event.intent or "(out of scope)", style="magenta")
        if event.confidence is not None:
            line.append(f" {event.confidence:.0%}", style="dim")
        for slot in event.slots:
            line.append(f"  {slot.name}", style="dim").append("=").append(slot.value)
        self._print(line)

    def _say(self, at_s: float, who: str, text: str, style: str, note: str = "") -> None:
        self._print(_line(at_s, who, text, style).append(note, style="dim"))

    def _print(self, line: Text) -> None:
        # The indented lines of one turn belong together; a long one goes on under its beginning.
        self._console.print(line)

    def _bottom(self, line: Text | None) -> None:
        if self._live is not None:
            self._live.update(line or Text())


def _line(at_s: float, who: str, text: str, style: str) -> Text:
    minutes, seconds = divmod(max(0.0, at_s), 60)
    return Text(f"{minutes:2.0f}:{seconds:04.1f}  ", style="dim").append(f"{who:<8}", style="dim").append(text, style)
