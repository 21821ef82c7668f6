"""`voicemesh talk`: talk to the mesh yourself, by microphone or by keyboard."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import sys
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

import voicemesh_client as sdk
from voicemesh_cli import endpoints, output
from voicemesh_cli.caller import sound
from voicemesh_cli.caller.report import Moment
from voicemesh_cli.caller.typed import Dialogue, TypedTurns
from voicemesh_cli.commands.conversation import MARGIN, ConversationView, finish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# How long an answer may take before the next line is asked for all the same.
_PATIENCE_S = 15.0


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=output.example("voicemesh talk --domain shop", "echo 'opening hours?' | voicemesh talk --text"))
    def talk(
        *,
        domain: Annotated[str, typer.Option(help="The domain to talk to, such as clinic or shop.")] = "clinic",
        language: Annotated[str, typer.Option(help="BCP 47 tag of the conversation's language.")] = "en-US",
        customer: Annotated[str, typer.Option(help="The business's own id of the caller.")] = "",
        phone: Annotated[str, typer.Option(help="The caller's number, such as +15550123456.")] = "",
        target: Annotated[
            str | None,
            typer.Option(
                callback=output.checked_target, help="HOST:PORT of the dialogue service; else the running mesh's."
            ),
        ] = None,
        text: Annotated[bool, typer.Option("--text", help="Type, even where there is a microphone.")] = False,
        json: output.JsonOption = False,
    ) -> None:
        """Talk to the mesh: by microphone where there is one, else by typing; an empty line or Ctrl-D hangs up.

        Use headphones: the agent would hear itself through the loudspeaker and take that for you.
        """
        with output.command(json) as out:
            context = endpoints.context(language=language)
            options: sdk.SessionOptions = {
                "language": language,
                "region": context.region,
                "tenant_id": context.tenant_id,
                "customer_id": customer,
                "phone": phone or None,
                "device": "voicemesh talk",
                "correlation_id": context.correlation_id,
            }
            address = endpoints.resolve_target(target)
            talker = _Talker(out, typed=text)
            asyncio.run(talker.talk(address, domain, options))
            finish(out, talker.dialogue.document())


class _Talker:
    """One conversation with whoever sits at this machine."""

    def __init__(self, out: output.Output, *, typed: bool) -> None:
        self._console = out.console
        self._interactive = sys.stdin.isatty()
        # Why something can not be used, and what follows; both devices often lack the same.
        self._lacking: defaultdict[str, list[str]] = defaultdict(list)
        self._input_hz = None if typed else self._found("input")
        self._output_hz = self._found("output")
        for reason, consequences in self._lacking.items():
            self._console.print(Text(f"{reason}: {', and '.join(consequences)}", style="dim"))
        # Whether a line is awaited, and whether the cursor stands where it is to be typed.
        self._awaits_line = self._at_prompt = False
        self._loudspeaker = sound.Loudspeaker()
        self.dialogue = Dialogue()

    def _found(self, kind: str) -> int | None:
        """The rate of a sound device; None where there is none."""
        try:
            return sound.input_rate_hz() if kind == "input" else sound.output_rate_hz()
        except sound.SoundUnavailableError as error:
            instead = "you type" if kind == "input" else "the agent's words are shown only"
            self._lacking[str(error)].append(instead)
            return None

    async def talk(self, address: str, domain: str, options: sdk.SessionOptions) -> None:
        """Talks until one side hangs up."""
        if self._input_hz is not None:
            options["input_audio"] = sdk.AudioFormat.pcm16(self._input_hz)
        with contextlib.ExitStack() as stack:
            if self._output_hz is not None:
                options["output_audio"] = sdk.AudioFormat.pcm16(self._output_hz)
                stack.enter_context(self._loudspeaker.open(self._output_hz))
            async with (
                sdk.connect(address) as mesh,
                mesh.session(domain, handlers=self.dialogue, sink=self._loudspeaker, **options) as session,
                asyncio.TaskGroup() as tasks,
            ):
                self._show(session)
                speaking = tasks.create_task(self._listen(session) if self._input_hz else self._type(session))
                await session.wait_ended()
                await session.speaker.wait_idle()
                await self._loudspeaker.drain()
                speaking.cancel()

    def _show(self, session: sdk.Session) -> None:
        """Prints what the session says; handlers are called behind these."""
        view = ConversationView(self._console)

        def show(event: sdk.Event) -> None:
            if self._input_hz is None and isinstance(event, sdk.Transcript):
                return  # What was typed stands there already.
            if self._at_prompt:
                self._console.print()
                self._at_prompt = False
            view.show(Moment(event.audio_offset, event))  # type: ignore[arg-type]
            if self._awaits_line and isinstance(event, sdk.AgentTurnEnded):
                self._prompt()

        session.on_transcript(show)
        session.on_understanding(show)
        session.on_agent_turn(show)
        session.on_agent_turn_ended(show)
        session.on_error(show)
        session.on_go_away(show)
        session.on_reconnecting(show)
        session.on_resumed(show)
        session.on_ended(show)

    async def _listen(self, session: sdk.Session) -> None:
        """Sends what the microphone hears; an empty line hangs up."""
        assert self._input_hz is not None
        self._console.print("[dim]speak; Enter hangs up[/]")
        with contextlib.suppress(sdk.SessionClosedError):
            async with sound.microphone(self._input_hz) as pieces, asyncio.TaskGroup() as tasks:
                keys = tasks.create_task(self._hang_up_at_enter(session))
                async for piece in pieces:
                    if keys.done():
                        return
                    await session.send_audio(piece)

    async def _hang_up_at_enter(self, session: sdk.Session) -> None:
        async for _ in _lines():
            break
        await session.end("hung up")

    async def _type(self, session: sdk.Session) -> None:
        """Sends what is typed, each line when the line before is answered."""
        turns = TypedTurns(session, self.dialogue, patience_s=_PATIENCE_S)
        if self._interactive:
            self._console.print("[dim]type what you say; an empty line hangs up[/]")
        await turns.greeted()
        self._prompt()
        with contextlib.suppress(sdk.SessionClosedError):
            async for line in _lines():
                self._awaits_line = self._at_prompt = False
                if not line.strip():
                    break
                if not self._interactive:
                    self._console.print(Text.assemble((f"{'you':<{MARGIN}}", "bold green"), line.strip()))
                await turns.say(line.strip())
                self._prompt()
            await session.end("hung up")

    def _prompt(self) -> None:
        if self._interactive:
            self._awaits_line = self._at_prompt = True
            self._console.print(Text(f"{'you':<{MARGIN}}", "bold green"), end="")


async def _lines() -> AsyncIterator[str]:
    """The lines of standard input until its end.

    They are read on a thread of their own, which the program does not wait for: reading can not be cancelled.
    One line waits; the thread reads no further before it is taken.
    """
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[str | None] = asyncio.Queue(maxsize=1)

    def read() -> None:
        # The loop may be gone when a line comes at last, or go while it waits: then nobody wants it.
        with contextlib.suppress(RuntimeError, concurrent.futures.CancelledError):
            for line in sys.stdin:
                asyncio.run_coroutine_threadsafe(waiting.put(line), loop).result()
            asyncio.run_coroutine_threadsafe(waiting.put(None), loop).result()

    threading.Thread(target=read, name="standard-input", daemon=True).start()
    while (line := await waiting.get()) is not None:
        yield line
