"""`voicemesh crm dlq`: what could not be written to a business system, and what is to become of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Annotated, Any

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from rich.text import Text
from voicemesh.crm.v1 import write_back_pb2 as letters
from voicemesh.crm.v1 import write_back_service_pb2 as pb
from voicemesh.crm.v1.write_back_service_pb2_grpc import WriteBackServiceStub

from voicemesh_cli import endpoints, output
from voicemesh_cli.commands.crm_options import TargetOption, TenantOption
from voicemesh_cli.principals import AsOption, PurposeOption, who

_TIMEOUT_S = 10.0
_ID_WIDTH = 8
_COUNTS = {
    "waiting": "to be written",
    "written": "written",
    "dead": "given up",
    "dropped": "dropped",
    "drafts": "drafts",
    "rejected": "rejected",
}

VendorOption = Annotated[str, typer.Option(help="Only of this business system.", show_default=False)]
IdsArgument = Annotated[
    list[int] | None, typer.Argument(help="Numbers, as `dlq list` shows them.", min=1, show_default=False)
]
AllOption = Annotated[
    str, typer.Option("--all-of", help="All of this business system, instead of numbers.", show_default=False)
]


def register(crm: typer.Typer) -> None:
    """Add the commands to `voicemesh crm`."""
    dlq = typer.Typer(
        help="Dead letters: records that could not be written to a business system.",
        epilog=output.example("voicemesh crm dlq list", "voicemesh crm dlq replay 17"),
        no_args_is_help=True,
    )
    crm.add_typer(dlq, name="dlq")
    _add_status(dlq)
    _add_list(dlq)
    _add_show(dlq)
    _add_change(dlq, "replay", "Have them written after all: in their old order, and not twice.", "to be written again")
    _add_change(dlq, "drop", "Give them up for good; `dlq list` shows them no more.", "dropped")


def _add_status(dlq: typer.Typer) -> None:
    @dlq.command(epilog=output.example("voicemesh crm dlq status --json"))
    def status(*, tenant: TenantOption = None, target: TargetOption = None, json: output.JsonOption = False) -> None:
        """How many records wait, were written, or were given up, by business system."""
        request = pb.GetWriteBackStatusRequest(context=endpoints.context(tenant=tenant))
        with output.command(json) as out:
            vendors = _ask(target, lambda stub: stub.GetWriteBackStatus(request, timeout=_TIMEOUT_S)).vendors
            counts = [{name: getattr(each, name) for name in ("vendor", *_COUNTS)} for each in vendors]
            since = [each.waiting_since.ToJsonString() if each.HasField("waiting_since") else None for each in vendors]
            rows = [each | {"waiting_since": moment} for each, moment in zip(counts, since, strict=True)]
            out.document({"vendors": rows})
            for row in rows:
                parts = [f"{row[name]} {text}" for name, text in _COUNTS.items() if row[name] or name == "waiting"]
                out.console.print(f"[bold]{row['vendor']}[/]: {', '.join(parts)}")
            if not rows:
                out.console.print("nothing was queued for another business system yet")


def _add_list(dlq: typer.Typer) -> None:
    @dlq.command("list", epilog=output.example("voicemesh crm dlq list --vendor simulator"))
    def list_letters(
        *,
        vendor: VendorOption = "",
        limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """List them, the newest first, with the reason."""
        request = pb.ListDeadLettersRequest(context=endpoints.context(tenant=tenant), vendor=vendor, page_size=limit)
        with output.command(json) as out:
            page = _ask(target, lambda stub: stub.ListDeadLetters(request, timeout=_TIMEOUT_S))
            documents = [_document(letter) for letter in page.dead_letters]
            out.document({"dead_letters": documents, "more": bool(page.next_page_token)})
            for letter in page.dead_letters:
                _print(out, letter)
            if not documents:
                out.console.print("no dead letters: every record was written, or waits to be")
            if page.next_page_token:
                out.console.print(f"[dim]there are more: --limit {min(1000, 2 * limit)}[/]")


def _add_show(dlq: typer.Typer) -> None:
    @dlq.command(epilog=output.example("voicemesh crm dlq show 17 --json"))
    def show(
        *,
        number: Annotated[int, typer.Argument(help="Its number, as `dlq list` shows it.", min=1)],
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Show one with all its values."""
        request = pb.ListDeadLettersRequest(context=endpoints.context(tenant=tenant), id=number)
        with output.command(json) as out:
            found = _ask(target, lambda stub: stub.ListDeadLetters(request, timeout=_TIMEOUT_S)).dead_letters
            if not found:
                raise output.InputError(f"there is no dead letter {number}; `voicemesh crm dlq list` shows them")
            out.document(_document(found[0]))
            _print(out, found[0])
            record = found[0].record
            rows = dict(sorted(record.fields.items())) | {"session": record.session_id, "event": record.event_id}
            for name, value in rows.items():
                output.print_beside(out.console, Text(), Text.assemble((name, "dim"), " ", value), _ID_WIDTH)


def _add_change(dlq: typer.Typer, name: str, text: str, done: str) -> None:
    @dlq.command(name, help=text, epilog=output.example(f"voicemesh crm dlq {name} 17 18"))
    def change(
        *,
        numbers: IdsArgument = None,
        all_of: AllOption = "",
        purpose: PurposeOption = "looked after by hand",
        principal: AsOption = None,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        with output.command(json) as out:
            if bool(numbers) == bool(all_of):
                raise output.InputError(f"give numbers or --all-of: voicemesh crm dlq {name} 17")
            selection = letters.DeadLetterSelection(ids=numbers or [], vendor=all_of)
            asks, context = who(principal, purpose), endpoints.context(tenant=tenant)
            count = _ask(target, lambda stub: _change(stub, name, context, selection, asks)).count
            out.document({"count": count})
            if count != len(numbers or []) and numbers:
                out.console.print("[yellow]the others are no dead letters (any more)[/]")
            out.console.print(f"{count} {done}")


def _change(
    stub: Any, name: str, context: Any, selection: letters.DeadLetterSelection, asks: tuple[tuple[str, str], ...]
) -> Awaitable[Any]:
    if name == "replay":
        request = pb.ReplayDeadLettersRequest(context=context, selection=selection)
        return stub.ReplayDeadLetters(request, metadata=asks, timeout=_TIMEOUT_S)  # type: ignore[no-any-return]
    return stub.DropDeadLetters(  # type: ignore[no-any-return]
        pb.DropDeadLettersRequest(context=context, selection=selection), metadata=asks, timeout=_TIMEOUT_S
    )


def _ask(target: str | None, call: Callable[[Any], Awaitable[Any]]) -> Any:
    async def ask() -> Any:
        async with grpc.aio.insecure_channel(endpoints.resolve_target(target, "crm")) as channel:
            return await call(WriteBackServiceStub(channel))

    return asyncio.run(ask())


def _document(letter: letters.DeadLetter) -> dict[str, Any]:
    document: dict[str, Any] = MessageToDict(letter, preserving_proto_field_name=True)
    return document | {"id": letter.id}


def _print(out: output.Output, letter: letters.DeadLetter) -> None:
    when = letter.given_up_at.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    line = Text.assemble((letter.record.kind, "bold"), " for ", letter.vendor, f", given up {when}")
    output.print_beside(out.console, Text(str(letter.id)), line, _ID_WIDTH)
    tries = f"after {letter.attempts} attempt{'s' if letter.attempts != 1 else ''}: {letter.reason}"
    for text in (Text(letter.record.title), Text(tries, "red")):
        output.print_beside(out.console, Text(), text, _ID_WIDTH)
