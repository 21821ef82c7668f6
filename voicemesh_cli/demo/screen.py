"""The conversation on the screen: what is said scrolls up, what is being said changes at the bottom."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

from voicemesh_cli.caller.growing import Growing
from voicemesh_cli.caller.told import outcome_lines
from voicemesh_cli.demo.stages import stage_line
from voicemesh_client import events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from voicemesh_cli.caller import Moment
    from voicemesh_cli.demo.published import PublishedEvent

_INDENT = " " * 16


class Screen:
    """Takes what happens, in the order in which it happens, and shows it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._turn = ""
        self._growing = Growing()

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

    def observe(self, moment: Moment) -> None:
        """Show a moment of the call; audio and what there is nothing to see of is passed over."""
        at_s, what = moment.at_s, moment.what
        match what:
            case events.Transcript():
                self._transcript(at_s, what)
            case events.Understanding():
                self._understanding(what)
            case events.AgentTurn():
                if text := self._growing.news(what):
                    self._print(_line(at_s, "agent", text, "bold cyan"))
            case events.AgentTurnEnded():
                self._agent_turn_ended(what)
            case events.ErrorNotice():
                self._print(Text(f"{_INDENT}{what.reason}: {what.message}", style="red"))
            case events.SessionEnded():
                self._print(_line(at_s, "ended", what.disposition.summary or what.disposition.code, "bold"))
                for label, text in outcome_lines(what.disposition):
                    self._print(Text(_INDENT).append(f"{label}: ", style="dim").append(text))

    def published(self, event: PublishedEvent) -> None:
        """Show an event of the bus."""
        # The whole id and subject are in the report; here its end is enough to tell events apart.
        line = Text(_INDENT).append("event ", style="dim").append(event.type, style="yellow")
        self._print(line.append(f"  ..{event.event_id[-24:]}", style="dim"))

    def _transcript(self, at_s: float, event: events.Transcript) -> None:
        if event.is_final:
            self._bottom(None)
            sure = "" if event.confidence is None else f"  {event.confidence:.0%}"
            self._print(_line(at_s, "caller", event.text, "bold green").append(sure, style="dim"))
        elif self._live is not None:
            self._bottom(_line(at_s, "caller", f"{event.text} ...", "green"))
        else:
            self._print(_line(at_s, "  ...", event.text, "dim"))

    def _understanding(self, event: events.Understanding) -> None:
        line = Text(_INDENT).append(event.intent or "(out of scope)", style="magenta")
        if event.confidence is not None:
            line.append(f" {event.confidence:.0%}", style="dim")
        for slot in event.slots:
            line.append(f"  {slot.name}", style="dim").append("=").append(slot.value)
        self._print(line)

    def _agent_turn_ended(self, event: events.AgentTurnEnded) -> None:
        if event.latency is not None:
            self._print(Text(_INDENT).append_text(stage_line(event.latency)))
        if event.interrupted:
            self._print(Text(f"{_INDENT}(the caller talked over it)", style="dim"))

    def _print(self, line: Text) -> None:
        # The indented lines of one turn belong together; a long one goes on under its beginning.
        self._console.print(line)

    def _bottom(self, line: Text | None) -> None:
        if self._live is not None:
            self._live.update(line or Text())


def _line(at_s: float, who: str, text: str, style: str) -> Text:
    minutes, seconds = divmod(max(0.0, at_s), 60)
    return Text(f"{minutes:2.0f}:{seconds:04.1f}  ", style="dim").append(f"{who:<8}", style="dim").append(text, style)
