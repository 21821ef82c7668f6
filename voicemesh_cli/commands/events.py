"""`voicemesh events`: what the mesh publishes, as it happens."""

import asyncio
import contextlib
import difflib
import json as json_codec
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from google.protobuf.message import Message
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy
from rich.text import Text

from mesh import bus as mesh_bus
from mesh import logs
from mesh.bus.catalogue import PACKAGE, event_types
from mesh.bus.envelope import (
    PREFIX_EARLY,
    PREFIX_EVENTS,
    STREAM_EARLY,
    STREAM_EVENTS,
    MalformedEventError,
    UnknownEventTypeError,
    attribute,
    occurred_at,
    open_event,
)
from mesh.sensitivity import shown, whole, with_zeros
from voicemesh_cli import endpoints, failures, output
from voicemesh_cli.commands.event_streams import add_streams
from voicemesh_cli.commands.events_dead import add_dead

_SOURCE = "/voicemesh/cli"
_CONNECT_S = 5.0
_MAX_KEPT = 10_000
_TIME_WIDTH = 14
_WIDEST = 100
"""Characters of a value that people are shown; --json and --lines have all."""
_SINCE = re.compile(r"(\d+)(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NAME = re.compile(r"(v\d+\.)?[A-Za-z][A-Za-z0-9]{0,79}")
_AHEAD = 1000
"""Messages that may wait to be shown; the broker waits with further ones."""
_STREAMS = {"final": (STREAM_EVENTS, PREFIX_EVENTS), "early": (STREAM_EARLY, PREFIX_EARLY)}


@dataclass(frozen=True)
class Wanted:
    """Which events are shown, and how."""

    types: frozenset[str]
    tenant: str
    session: str
    region: str
    since: timedelta | None
    count: int | None
    wait_s: float | None
    personal: bool
    profile: str
    """"final", "early"; empty: both."""
    all_versions: bool
    """Whether a fact that was published in several versions is shown in each, not only in its newest."""

    def takes(self, headers: dict[str, str]) -> bool:
        """Return whether an event of these headers is wanted."""
        version, short = _named(attribute(headers, "type"))
        asked = f"v{version}.{short}" in self.types
        return (
            (asked or not self.types or short in self.types)
            and (asked or self.all_versions or _is_newest(headers, version))
            and (not self.tenant or attribute(headers, "tenantid") == self.tenant)
            and (not self.session or attribute(headers, "subject") == self.session)
        )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    events = typer.Typer(
        help="What a running mesh publishes, and the streams it travels in.",
        epilog=output.example("voicemesh events tail", "voicemesh events tail --type CallCompleted --since 1h"),
        no_args_is_help=True,
    )
    app.add_typer(events, name="events")
    add_streams(events, _url)
    add_dead(events, _url)

    @events.command(epilog=output.example("voicemesh events tail --session 4f1c2a --lines", "voicemesh events tail"))
    def tail(
        *,
        kind: Annotated[
            list[str] | None,
            typer.Option(
                "--type", help="Only events of this type, such as CallCompleted or v2.CallCompleted; may be repeated."
            ),
        ] = None,
        profile: Annotated[
            str, typer.Option(help="Only final events, or only early ones; else both.", show_default=False)
        ] = "",
        tenant: Annotated[str, typer.Option(help="Only of this business.", show_default=False)] = "",
        session: Annotated[str, typer.Option(help="Only of this call.", show_default=False)] = "",
        region: Annotated[str, typer.Option(help="Only of this region.", show_default=False)] = "",
        since: Annotated[
            str, typer.Option(help="Also what was published before: 90s, 10m, 2h, 7d.", show_default=False)
        ] = "",
        count: Annotated[int | None, typer.Option(min=1, help="End after so many.", show_default=False)] = None,
        wait: Annotated[
            float | None, typer.Option(min=0.1, help="End after so many seconds.", show_default=False)
        ] = None,
        personal: Annotated[bool, typer.Option("--personal", help="Show personal data instead of masking it.")] = False,
        all_versions: Annotated[
            bool, typer.Option("--all-versions", help="Also older versions of what was published in several.")
        ] = False,
        lines: Annotated[bool, typer.Option("--lines", help="Print one JSON object a line, as they come.")] = False,
        nats: Annotated[
            str | None,
            typer.Option(
                help="The broker's URL; else VOICEMESH_NATS_URL, else the running mesh's.", show_default=False
            ),
        ] = None,
        json: output.JsonOption = False,
    ) -> None:
        """Show events as they are published, until Ctrl-C. With --json give --count or --wait: it prints at the end."""
        with output.command(json) as out:
            if json and count is None and wait is None:
                raise output.InputError(
                    "--json prints one document at the end: give --count or --wait, or use --lines."
                )
            wanted = Wanted(
                frozenset(_checked(name) for name in kind or ()),
                tenant,
                session,
                region,
                _since(since),
                count,
                wait,
                personal,
                _profile(profile),
                all_versions,
            )
            # What the bus logs is for services: here errors are sentences.
            logs.configure("cli", "CRITICAL", "console")
            # Ctrl-C is how a tail usually ends: no failure.
            kept: list[dict[str, Any]] = []
            try:
                asyncio.run(_tail(out, _url(nats), wanted, kept, lines=lines))
            except KeyboardInterrupt:
                out.console.print()
            except mesh_bus.BusUnavailableError as error:
                raise failures.CliError(str(error)) from error
            out.document({"events": kept})


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise output.InputError(f"--type {name!r} is no event's name; one is CallCompleted.")
    known = {said for full in event_types() for said in (full.rpartition(".")[2], full.removeprefix(f"{PACKAGE}."))}
    if name not in known:
        near = difflib.get_close_matches(name, sorted(known), 1, cutoff=0.0)[0]
        raise output.InputError(f"there is no event {name!r}; did you mean {near}? docs/events.md has all.")
    return name


def _is_newest(headers: dict[str, str], version: int) -> bool:
    """Whether no newer version of the same fact was published with this one."""
    together = [int(one[1:]) for one in attribute(headers, "versions").split(",") if re.fullmatch(r"v\d+", one)]
    return version >= max(together, default=version)


def _profile(name: str) -> str:
    if name not in {"", *_STREAMS}:
        raise output.InputError(f"--profile {name!r} is none: say final or early, or leave it out for both.")
    return name


def _since(text: str) -> timedelta | None:
    if not text:
        return None
    found = _SINCE.fullmatch(text.strip().lower())
    if found is None:
        raise output.InputError(f"--since {text!r}: say a number and its unit, such as 90s, 10m, 2h or 7d.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _url(option: str | None) -> str:
    named = option or os.environ.get("VOICEMESH_NATS_URL", "")
    if named:
        return named
    state = endpoints.running_mesh()
    if state is None:
        raise failures.CliError(
            f"no mesh runs ({endpoints.state_file()}): start one with `make up`, or name its broker with --nats URL."
        )
    return state["nats_url"]


async def _tail(out: output.Output, url: str, wanted: Wanted, kept: list[dict[str, Any]], *, lines: bool) -> None:
    async with mesh_bus.connect(url, source=_SOURCE, connect_timeout_s=_CONNECT_S) as bus:
        messages: asyncio.Queue[Msg] = asyncio.Queue(_AHEAD)
        for profile in [wanted.profile] if wanted.profile else _STREAMS:
            await _subscribe(bus, profile, wanted, messages)
        if not (lines or out.json_mode):
            out.console.print("[dim]events as they are published; Ctrl-C ends[/]")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wanted.wait_s):
                left = wanted.count
                while left != 0:
                    message = await messages.get()
                    if not wanted.takes(message.headers or {}):
                        continue
                    _show(out, _document(message, personal=wanted.personal), kept, lines=lines)
                    left = None if left is None else left - 1


def _show(out: output.Output, document: dict[str, Any], kept: list[dict[str, Any]], *, lines: bool) -> None:
    if lines:
        typer.echo(json_codec.dumps(document, ensure_ascii=False), err=out.json_mode)
    elif not out.json_mode:
        _print(out, document)
    # A bound, not a promise: a document of more would not be read by anybody.
    if out.json_mode and len(kept) < _MAX_KEPT:
        kept.append(document)


async def _subscribe(bus: mesh_bus.Bus, profile: str, wanted: Wanted, messages: asyncio.Queue[Msg]) -> None:
    """Have a stream's messages put into the queue, in the stream's order."""
    config = ConsumerConfig(deliver_policy=DeliverPolicy.NEW)
    if wanted.since is not None:
        start = datetime.now(UTC) - wanted.since
        config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=start)
    stream, prefix = _STREAMS[profile]
    subject = f"{prefix}.*.*.{wanted.region or '*'}"
    await bus.jetstream.subscribe(subject, stream=stream, cb=messages.put, ordered_consumer=True, config=config)


def _named(full_name: str) -> tuple[int, str]:
    """The version and the short name of an event's type; of what has no version, 0."""
    *_, version, short = ["", "", *full_name.split(".")]
    return int(version[1:]) if re.fullmatch(r"v\d+", version) else 0, short


def _document(message: Msg, *, personal: bool) -> dict[str, Any]:
    headers = message.headers or {}
    at = occurred_at(headers)
    document: dict[str, Any] = {
        "type": attribute(headers, "type"),
        "version": _named(attribute(headers, "type"))[0],
        "profile": "early" if message.subject.startswith(f"{PREFIX_EARLY}.") else "final",
        "id": attribute(headers, "id"),
        "time": at.isoformat() if at else None,
        "subject": message.subject,
        "tenant_id": attribute(headers, "tenantid"),
        "session_id": attribute(headers, "subject"),
        "correlation_id": attribute(headers, "correlationid"),
        "bytes": len(message.data),
    }
    event = _opened(headers, message.data)
    if isinstance(event, str):
        return document | {"unreadable": event}
    return document | {"event": with_zeros(event, whole(event) if personal else shown(event))}


def _opened(headers: dict[str, str], data: bytes) -> Message | str:
    try:
        return open_event(headers, data)
    except UnknownEventTypeError as error:
        return f"this version does not know {error}"
    except MalformedEventError as error:
        return str(error)


def _print(out: output.Output, document: dict[str, Any]) -> None:
    """The event in a line, its own values below."""
    at = document["time"]
    when = datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S.%f")[:-3] if at else "-"
    version, name = _named(document["type"])
    marks = (f" v{version}" if version > 1 else "") + (" early" if document["profile"] == "early" else "")
    session = f"session {document['session_id']}" if document["session_id"] else ""
    line = Text.assemble((name, "bold"), (marks, "cyan"), "  ", (document["tenant_id"], "dim"), "  ", (session, "dim"))
    output.print_beside(out.console, Text(when), line, _TIME_WIDTH)
    values = {name: value for name, value in document.get("event", {}).items() if name != "context"}
    said = document.get("unreadable") or ", ".join(f"{name}={_brief(value)}" for name, value in values.items())
    if said:
        output.print_beside(out.console, Text(), Text(said, "yellow" if "unreadable" in document else ""), _TIME_WIDTH)


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else json_codec.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}…"
