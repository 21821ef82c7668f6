"""`voicemesh events streams`: the bus's streams as they are to be and as a server has them."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import typer
from nats.errors import Error as NatsError
from rich.text import Text

from mesh import bus as mesh_bus
from mesh import logs
from mesh.bus.streams import Difference, apply, differences
from mesh.bus.topology import Stream, load_topology
from mesh.config import ConfigError
from voicemesh_cli import failures, output

_SOURCE = "/voicemesh/cli"
_CONNECT_S = 5.0
_NAME_WIDTH = 20

NatsOption = Annotated[
    str | None,
    typer.Option(help="The broker's URL; else VOICEMESH_NATS_URL, else the running mesh's.", show_default=False),
]


def add_streams(events: typer.Typer, url: Callable[[str | None], str]) -> None:
    """Add the command to `voicemesh events`; `url` finds the broker's URL."""

    @events.command(epilog=output.example("voicemesh events streams", "voicemesh events streams --apply"))
    def streams(
        *,
        change: Annotated[
            bool, typer.Option("--apply", help="Make and change streams, as far as nothing stored gets lost.")
        ] = False,
        nats: NatsOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Show where the broker's streams differ from streams.toml and the VOICEMESH_STREAM_ variables."""
        with output.command(json) as out:
            logs.configure("cli", "CRITICAL", "console")
            try:
                listed = asyncio.run(_compare(url(nats), change=change))
            except (mesh_bus.BusUnavailableError, NatsError, ConfigError) as error:
                raise failures.CliError(str(error)) from error
            for stream, found, left in listed:
                _print(out, stream, found, left, changed=change)
            out.document({"applied": change, "streams": [_document(*each) for each in listed]})
            if change and any(left for _, _, left in listed):
                raise failures.CliError(
                    "some differences would delete what is stored, or cannot be changed: move the data to a new "
                    "stream, or set the VOICEMESH_STREAM_ variables to what the broker has."
                )


async def _compare(url: str, *, change: bool) -> list[tuple[Stream, list[Difference], list[Difference]]]:
    """For each stream what differed, and what still does."""
    topology = load_topology()
    async with mesh_bus.connect(url, source=_SOURCE, set_up_streams=False, connect_timeout_s=_CONNECT_S) as bus:
        listed = []
        for stream in topology.streams.values():
            found = await differences(bus.jetstream, stream)
            left = await apply(bus.jetstream, stream) if change else found
            listed.append((stream, found, left))
        return listed


def _document(stream: Stream, found: list[Difference], left: list[Difference]) -> dict[str, Any]:
    return {
        **stream.model_dump(mode="json"),
        "differences": [{**asdict(one), "applied": one not in left} for one in found],
    }


def _print(
    out: output.Output, stream: Stream, found: list[Difference], left: list[Difference], *, changed: bool
) -> None:
    kept = f"{stream.storage}, {stream.max_age_s:.12g} s, replicas {stream.replicas}  "
    state = Text("as described" if not found else "", "green")
    body = Text.assemble((kept, "dim"), state)
    output.print_beside(out.console, Text(stream.name, "bold"), body, _NAME_WIDTH)
    for one in found:
        done = changed and one not in left
        what = f"{one.value or 'the stream'}: {one.found} on the broker, {one.wanted} wanted"
        mark = ("applied", "green") if done else (one.verdict, "yellow" if one.can_be_applied else "red")
        output.print_beside(out.console, Text(), Text.assemble(what, "  ", mark), _NAME_WIDTH)
