"""`voicemesh nlu`: what a sentence means, and which domains are understood."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import grpc
import typer
from rich.markup import escape
from rich.table import Table
from voicemesh.nlu.v1 import nlu_pb2, nlu_service_pb2
from voicemesh.nlu.v1.nlu_service_pb2_grpc import NluServiceStub

from mesh.durations import seconds, to_timestamp
from voicemesh_cli import endpoints, output
from voicemesh_cli.commands import nlu_entities, nlu_training
from voicemesh_cli.launcher import SERVICES, LaunchOptions, launch
from voicemesh_cli.launcher.view import starting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from voicemesh.common.v1.speech_pb2 import Entity
    from voicemesh.nlu.v1.nlu_service_pb2_grpc import NluServiceAsyncStub

_TIMEOUT_S = 30.0

TargetOption = Annotated[
    str | None,
    typer.Option(
        callback=output.checked_target,
        help="HOST:PORT of an understanding service; else the running mesh's, else one is started.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    nlu = typer.Typer(
        help="What sentences mean: intents, entities, feeling.",
        epilog=output.example(
            "voicemesh nlu domains",
            'voicemesh nlu parse "book a cleaning on Tuesday at ten" --domain clinic',
            "voicemesh nlu train clinic",
        ),
        no_args_is_help=True,
    )
    app.add_typer(nlu, name="nlu")

    @nlu.command(epilog=output.example('voicemesh nlu parse "book a cleaning on Tuesday at ten" --domain clinic'))
    def parse(
        *,
        text: Annotated[str, typer.Argument(help="What a caller may have said.")],
        domain: Annotated[str, typer.Option(help="The domain; `voicemesh nlu domains` lists them.")],
        language: Annotated[str, typer.Option(help="BCP 47 tag of the text.")] = "en-US",
        intent: Annotated[list[str] | None, typer.Option(help="An intent that is expected; may be repeated.")] = None,
        entity: Annotated[
            list[str] | None, typer.Option(help="An entity type that is waited for, for example date; may be repeated.")
        ] = None,
        time_zone: Annotated[str, typer.Option(help="IANA time zone of dates; else the domain's.")] = "",
        at: Annotated[
            datetime | None, typer.Option(help="The moment dates are relative to, UTC; else now.", show_default=False)
        ] = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Say what a sentence means."""
        request = nlu_service_pb2.ParseTextRequest(
            context=endpoints.context(language=language, time_zone=time_zone),
            domain=domain,
            text=text,
            expectation=nlu_pb2.Expectation(intents=intent or [], entity_types=entity or []),
            reference_time=to_timestamp(at.replace(tzinfo=UTC)) if at else None,
        )
        with output.command(json) as out:
            asyncio.run(_parse(out, request, target))

    @nlu.command(epilog=output.example("voicemesh nlu domains --json"))
    def domains(*, target: TargetOption = None, json: output.JsonOption = False) -> None:
        """List the domains with their languages, intents and entity types."""
        with output.command(json) as out:
            asyncio.run(_domains(out, target))

    nlu_training.register(nlu)
    nlu_entities.register(nlu)


@contextlib.asynccontextmanager
async def _understanding(out: output.Output, target: str | None) -> AsyncIterator[NluServiceAsyncStub]:
    """A named or running understanding service, else one started for the length of the block."""
    async with contextlib.AsyncExitStack() as stack:
        if target or os.environ.get("VOICEMESH_NLU_TARGET") or endpoints.running_mesh():
            address = endpoints.resolve_target(target, "nlu")
        else:
            with starting(out.console, "starting an understanding service") as progress:
                options = LaunchOptions(
                    state_dir=Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="voicemesh-"))),
                    services=tuple(spec for spec in SERVICES if spec.name == "nlu"),
                    with_broker=False,
                    on_progress=progress,
                )
                address = (await stack.enter_async_context(launch(options))).addresses["nlu"]
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        yield NluServiceStub(channel)


async def _parse(out: output.Output, request: nlu_service_pb2.ParseTextRequest, target: str | None) -> None:
    async with _understanding(out, target) as stub:
        answer = (await stub.ParseText(request, timeout=_TIMEOUT_S)).parse
    out.document(_document(request.text, answer))
    if out.json_mode:
        return
    if answer.out_of_scope:
        out.console.print("[yellow]out of scope[/]")
    for each in answer.intents:
        out.console.print(f"{each.confidence:6.1%}  [bold]{escape(each.name)}[/]")
    for part in answer.further_intents:
        words = escape(request.text[part.start_char : part.end_char])
        out.console.print(f"and {part.intent.confidence:.1%}  [bold]{escape(part.intent.name)}[/]  [dim]{words}[/]")
    if answer.entities:
        out.console.print(_table(answer.entities))
    feeling = f"feeling {answer.sentiment.score:+.2f}, " if answer.HasField("sentiment") else ""
    out.console.print(f"[dim]{feeling}{escape(answer.engine)}, {seconds(answer.compute_time) * 1e3:.1f} ms[/]")


async def _domains(out: output.Output, target: str | None) -> None:
    async with _understanding(out, target) as stub:
        found = (await stub.ListDomains(nlu_service_pb2.ListDomainsRequest(), timeout=_TIMEOUT_S)).domains
    kinds = ("languages", "intents", "entity_types")
    out.document(
        {"domains": [{"name": each.name} | {kind: [*getattr(each, kind)] for kind in kinds} for each in found]}
    )
    for each in found:
        out.console.print(f"[bold]{escape(each.name)}[/] [dim]{', '.join(each.languages)}[/]")
        out.console.print(f"  intents   {', '.join(each.intents)}")
        out.console.print(f"  entities  {', '.join(each.entity_types)}")


def _table(entities: Sequence[Entity]) -> Table:
    table = Table(box=None, header_style="dim")
    for heading in ("entity", "value", "words", "confidence", "or"):
        table.add_column(heading)
    for each in entities:
        others = ", ".join(each.alternatives)
        cells = (each.type, each.value, each.raw, f"{each.confidence:.0%}", others)
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _document(text: str, answer: nlu_pb2.Parse) -> dict[str, Any]:
    return {
        "text": text,
        "intents": [{"name": each.name, "confidence": round(each.confidence, 4)} for each in answer.intents],
        "further_intents": [
            {
                "name": each.intent.name,
                "confidence": round(each.intent.confidence, 4),
                "start_char": each.start_char,
                "end_char": each.end_char,
            }
            for each in answer.further_intents
        ],
        "out_of_scope": answer.out_of_scope,
        "entities": [
            {
                "type": each.type,
                "value": each.value,
                "raw": each.raw,
                "start_char": each.start_char,
                "end_char": each.end_char,
                "confidence": round(each.confidence, 4) if each.HasField("confidence") else None,
                "alternatives": list(each.alternatives),
            }
            for each in answer.entities
        ],
        "sentiment": round(answer.sentiment.score, 4) if answer.HasField("sentiment") else None,
        "engine": answer.engine,
        "compute_ms": round(seconds(answer.compute_time) * 1e3, 3),
    }
