"""`voicemesh events dead`: events that a consumer gave up, and what is to become of them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Annotated, Any, TypeVar

import typer
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from rich.text import Text

from mesh import bus as mesh_bus
from mesh import logs
from mesh.bus.dead_letters import DeadLetter, next_letter, replay
from mesh.bus.envelope import (
    STREAM_DEAD,
    MalformedEventError,
    UnknownEventTypeError,
    attribute,
    occurred_at,
    open_event,
)
from mesh.config import ConfigError
from mesh.sensitivity import PERSONAL, shown, whole
from voicemesh_cli import failures, output
from voicemesh_cli.commands.event_streams import NatsOption

_SOURCE = "/voicemesh/cli"
_CONNECT_S = 5.0
_NUMBER_WIDTH = 8
T = TypeVar("T")
Url = Callable[[str | None], str]

PersonalOption = Annotated[bool, typer.Option("--personal", help="Show personal data instead of masking it.")]
NumbersArgument = Annotated[
    list[int] | None, typer.Argument(help="Numbers, as `dead list` shows them.", min=1, show_default=False)
]


def add_dead(events: typer.Typer, url: Url) -> None:
    """Add the commands to `voicemesh events`; `url` finds the broker's URL."""
    dead = typer.Typer(
        help="Dead letters of the stream: events that a consumer gave up.",
        epilog=output.example("voicemesh events dead list", "voicemesh events dead replay 17"),
        no_args_is_help=True,
    )
    events.add_typer(dead, name="dead")
    _add_list(dead, url)
    _add_show(dead, url)
    _add_replay(dead, url)


def _add_list(dead: typer.Typer, url: Url) -> None:
    @dead.command("list", epilog=output.example("voicemesh events dead list --consumer crm-sync-local-local"))
    def list_letters(
        *,
        consumer: Annotated[str, typer.Option(help="Only of this consumer.", show_default=False)] = "",
        tenant: Annotated[str, typer.Option(help="Only of this business.", show_default=False)] = "",
        limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
        after: Annotated[int, typer.Option(min=0, help="Only those behind this number: the next page.")] = 0,
        personal: PersonalOption = False,
        nats: NatsOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """List them, the oldest first, with the reason."""

        async def read(jetstream: JetStreamContext) -> list[DeadLetter]:
            kept: list[DeadLetter] = []
            async with contextlib.aclosing(_letters(jetstream, after + 1)) as letters:
                async for letter in letters:
                    tenant_id = attribute(letter.headers, "tenantid")
                    if consumer in {"", letter.consumer} and tenant in {"", tenant_id}:
                        kept.append(letter)
                    if len(kept) > limit:
                        break
            return kept

        with output.command(json) as out, _explained():
            found = _ask(url(nats), read)
            letters, more = found[:limit], len(found) > limit
            out.document({"dead_letters": [_document(letter, personal=personal) for letter in letters], "more": more})
            for letter in letters:
                _print(out, letter, personal=personal)
            if not letters:
                out.console.print("no dead letters: every event was handled, or waits to be")
            if more:
                out.console.print(f"[dim]there are more: --after {letters[-1].number}[/]")


def _add_show(dead: typer.Typer, url: Url) -> None:
    @dead.command(epilog=output.example("voicemesh events dead show 17 --json"))
    def show(
        *,
        number: Annotated[int, typer.Argument(help="Its number, as `dead list` shows it.", min=1)],
        personal: PersonalOption = False,
        nats: NatsOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Show one with all its values."""
        with output.command(json) as out, _explained():
            letter = _ask(url(nats), lambda jetstream: _letter(jetstream, number))
            if letter is None:
                raise output.InputError(f"there is no dead letter {number}; `voicemesh events dead list` shows them")
            event = _event(letter, personal=personal)
            out.document(_document(letter, personal=personal) | event)
            _print(out, letter, personal=personal)
            values = event.get("event", event)
            for name, value in values.items():
                output.print_beside(out.console, Text(), Text.assemble((name, "dim"), f" {value}"), _NUMBER_WIDTH)


def _add_replay(dead: typer.Typer, url: Url) -> None:
    @dead.command("replay", epilog=output.example("voicemesh events dead replay 17 18"))
    def replay_letters(
        *,
        numbers: NumbersArgument = None,
        all_of: Annotated[
            str, typer.Option("--all-of", help="All of this consumer, instead of numbers.", show_default=False)
        ] = "",
        nats: NatsOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Publish them again where they came from, the oldest first; each is a dead letter until that is confirmed.

        Every consumer of such events gets them, not only the one that gave them up: each writes an event once.
        """
        with output.command(json) as out, _explained():
            if bool(numbers) == bool(all_of):
                raise output.InputError("give numbers or --all-of: voicemesh events dead replay 17")
            done: list[int] = []
            try:
                _ask(url(nats), lambda jetstream: _replay(jetstream, sorted(set(numbers or ())), all_of, done))
            except (NatsError, TimeoutError) as error:
                raise failures.CliError(
                    f"{len(done)} were published again, then the broker did not confirm ({error!r}): "
                    "the others are dead letters still, run the command again."
                ) from error
            left = [number for number in numbers or () if number not in done]
            out.document({"replayed": done, "unknown": left})
            out.console.print(f"{len(done)} published again")
            if left:
                out.console.print("[yellow]the others are no dead letters (any more)[/]")


async def _replay(jetstream: JetStreamContext, numbers: list[int], all_of: str, done: list[int]) -> None:
    """Publish again; `done` tells which were, also when it fails."""
    for number in numbers:
        letter = await _letter(jetstream, number)
        if letter is not None:
            await replay(jetstream, letter)
            done.append(number)
    if all_of:
        async for letter in _letters(jetstream, 1):
            if letter.consumer == all_of:
                await replay(jetstream, letter)
                done.append(letter.number)


async def _letters(jetstream: JetStreamContext, number: int) -> AsyncGenerator[DeadLetter, None]:
    """Those that are there now, from a number on: one that comes back meanwhile is not met twice."""
    try:
        last = (await jetstream.stream_info(STREAM_DEAD)).state.last_seq
    except NotFoundError:
        return
    while number <= last:
        letter = await next_letter(jetstream, number)
        if letter is None or letter.number > last:
            return
        yield letter
        number = letter.number + 1


async def _letter(jetstream: JetStreamContext, number: int) -> DeadLetter | None:
    letter = await next_letter(jetstream, number)
    return letter if letter is not None and letter.number == number else None


def _ask(url: str, question: Callable[[JetStreamContext], Awaitable[T]]) -> T:
    # What the bus logs is for services: here errors are sentences.
    logs.configure("cli", "CRITICAL", "console")

    async def ask() -> T:
        async with mesh_bus.connect(url, source=_SOURCE, set_up_streams=False, connect_timeout_s=_CONNECT_S) as bus:
            return await question(bus.jetstream)

    return asyncio.run(ask())


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (mesh_bus.BusUnavailableError, NatsError, ConfigError) as error:
        raise failures.CliError(str(error)) from error
    except TimeoutError as error:
        raise failures.CliError("the broker did not answer in time: try again.") from error


def _document(letter: DeadLetter, *, personal: bool) -> dict[str, Any]:
    at = occurred_at(letter.headers)
    return {
        "number": letter.number,
        "consumer": letter.consumer,
        "type": attribute(letter.headers, "type"),
        "id": attribute(letter.headers, "id"),
        "time": at.isoformat() if at else None,
        "subject": letter.subject,
        "tenant_id": attribute(letter.headers, "tenantid"),
        "session_id": attribute(letter.headers, "subject"),
        "correlation_id": attribute(letter.headers, "correlationid"),
        "attempts": letter.attempts,
        "reason": _reason(letter, personal=personal),
    }


def _reason(letter: DeadLetter, *, personal: bool) -> str:
    """Why; what an unforeseen error says may hold what the event holds."""
    return letter.reason if personal or not letter.error else f"{letter.error}: {PERSONAL}"


def _event(letter: DeadLetter, *, personal: bool) -> dict[str, Any]:
    try:
        event = open_event(letter.headers, letter.payload)
    except UnknownEventTypeError as error:
        return {"unreadable": f"this version does not know {error}"}
    except MalformedEventError as error:
        return {"unreadable": str(error)}
    return {"event": whole(event) if personal else shown(event)}


def _print(out: output.Output, letter: DeadLetter, *, personal: bool) -> None:
    kind = attribute(letter.headers, "type").rpartition(".")[2] or "no event"
    tenant = attribute(letter.headers, "tenantid")
    line = Text.assemble((kind, "bold"), "  ", (tenant, "dim"), "  given up by ", letter.consumer)
    output.print_beside(out.console, Text(str(letter.number)), line, _NUMBER_WIDTH)
    tries = (
        f"after {letter.attempts} attempt{'s' if letter.attempts != 1 else ''}: {_reason(letter, personal=personal)}"
    )
    output.print_beside(out.console, Text(), Text(tries, "red"), _NUMBER_WIDTH)
