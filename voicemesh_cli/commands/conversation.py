"""A conversation as it goes on, line by line in the terminal."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

from rich.text import Text

import voicemesh_client as sdk
from voicemesh_cli import output
from voicemesh_cli.caller import CallerBegan, CallerEnded, Moment
from voicemesh_cli.caller.growing import Growing
from voicemesh_cli.caller.told import outcome_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from rich.console import Console
    from rich.status import Status

MARGIN = 10
"""How many columns who speaks takes."""
# A word the recogniser was less sure of than this is shown as doubtful.
_DOUBTFUL = 0.6


class ConversationView:
    """Prints the moments of a call: who said what, what it meant, how long the answer took.

    Where the console is a terminal, what the caller is saying is shown while they say it.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._growing = Growing()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("calling ...")
            self._status.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def show(self, moment: Moment) -> None:
        """Prints what a moment has to say; nothing for audio."""
        what = moment.what
        match what:
            case sdk.SessionStarted():
                self._line("session", Text(what.session_id, style="dim"), "dim")
            case sdk.Transcript():
                self._transcript(what)
            case sdk.Understanding():
                self._line("", _meaning(what), "dim")
            case sdk.AgentTurn():
                self._agent_turn(what)
            case sdk.AgentTurnEnded():
                self._turn_ended(what)
            case sdk.ErrorNotice():
                self._line("error", Text(f"{what.reason}: {what.message}"), "red")
            case sdk.GoAway() | sdk.Reconnecting() | sdk.Resumed():
                self._line("notice", Text(_notice(what), style="yellow"), "yellow")
            case sdk.SessionEnded():
                self._line("ended", _ending(what), "bold")
                for label, text in outcome_lines(what.disposition):
                    self._line("", Text.assemble((f"{label}: ", "dim"), text), "")
            case _:
                self._whisper(what)

    def _whisper(self, what: object) -> None:
        """What is worth no line of its own."""
        if isinstance(what, CallerBegan):
            self._now("caller speaks ...")
        elif isinstance(what, CallerEnded):
            self._now("waiting for the answer ...")
        elif isinstance(what, sdk.AgentAudio):
            self._now("agent speaks ...")

    def _transcript(self, transcript: sdk.Transcript) -> None:
        if not transcript.is_final:
            self._now(transcript.text)
            return
        said = Text()
        for word in transcript.words or ():
            doubtful = word.confidence is not None and word.confidence < _DOUBTFUL
            said.append(f"{word.text} ", style="underline yellow" if doubtful else "")
        if not transcript.words:
            said.append(f"{transcript.text} ")
        if transcript.confidence is not None:
            said.append(f"{transcript.confidence:.2f}", style="dim")
        self._line("caller", said, "bold green")

    def _agent_turn(self, turn: sdk.AgentTurn) -> None:
        if text := self._growing.news(turn):
            self._line("agent", Text(text), "bold cyan")

    def _turn_ended(self, turn: sdk.AgentTurnEnded) -> None:
        if turn.interrupted:
            self._line("", Text("(interrupted)", style="yellow"), "")
        if turn.latency is not None:
            stages = dataclasses.asdict(turn.latency)
            total, prepared = stages.pop("total"), stages.pop("prepared")
            parts = " · ".join(f"{name} {seconds * 1_000:.0f}" for name, seconds in stages.items())
            how = "answered (prepared while waiting)" if prepared else "answered"
            self._line("", Text(f"{how} in {total * 1_000:.0f} ms: {parts}", style="dim"), "")

    def _line(self, who: str, text: Text, style: str) -> None:
        output.print_beside(self._console, Text(who, style), text, MARGIN)

    def _now(self, text: str) -> None:
        if self._status is not None:
            self._status.update(Text(text))


def finish(out: output.Output, document: Mapping[str, Any]) -> None:
    """Print a conversation's document; `disposition` in it says how the mesh ended it.

    Raises CliError when the mesh never said so: then the document has an "error" beside what is known.
    """
    if document["disposition"] is not None:
        out.document(document)
        return
    error = output.CliError(
        "the call broke off: the mesh went away and did not come back, so how it ended is not known. See the "
        "terminal of `voicemesh up`; once a mesh runs, `voicemesh crm list` shows what the call left behind."
    )
    out.document({**document, "error": {"message": str(error)}})
    raise error


def _meaning(understanding: sdk.Understanding) -> Text:
    if understanding.out_of_scope:
        return Text("out of scope", style="yellow")
    text = Text(understanding.intent, style="magenta")
    if understanding.confidence is not None:
        text.append(f" {understanding.confidence:.2f}", style="dim")
    slots = ", ".join(f"{slot.name}={slot.value}" for slot in understanding.slots)
    return text.append(f"  {slots}" if slots else "", style="magenta dim")


def _notice(event: sdk.GoAway | sdk.Reconnecting | sdk.Resumed) -> str:
    """What becomes of the connection."""
    if isinstance(event, sdk.GoAway):
        return "the instance that serves this call is going away"
    if isinstance(event, sdk.Reconnecting):
        return "the connection dropped; reconnecting ..."
    lost = f"{event.lost_audio:.1f} s of the caller's audio were lost" if event.lost_audio else "nothing was lost"
    return f"the call goes on after {event.downtime:.1f} s; {lost}"


def _ending(ended: sdk.SessionEnded) -> Text:
    text = Text(ended.disposition.code or "no outcome", style="bold")
    return text.append(f"  {ended.disposition.summary}", style="")
