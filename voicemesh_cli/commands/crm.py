"""`voicemesh crm`: what calls left behind, and what a running mesh knows of a customer."""

from __future__ import annotations

import asyncio
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from voicemesh.crm.v1 import caller_pb2, crm_pb2, crm_service_pb2
from voicemesh.crm.v1.crm_service_pb2_grpc import CrmServiceStub

from voicemesh_cli import endpoints, output
from voicemesh_cli.commands import crm_conflicts, crm_dlq, crm_reconcile, crm_sync
from voicemesh_cli.commands.crm_options import TargetOption, TenantOption  # noqa: TC001 - typer reads them

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TIMEOUT_S = 10.0
_PAGE_SIZE = 200
_STATE_PREFIX = "RECORD_STATE_"
_STAGE_PREFIX = "INTENT_STAGE_"
_WHEN_WIDTH = 21


def register(app: typer.Typer) -> None:
    """Add the commands."""
    crm = typer.Typer(
        help="The CRM of a running mesh: what calls left behind, who called.",
        epilog=output.example("voicemesh crm list", "voicemesh crm contact +15550123456"),
        no_args_is_help=True,
    )
    app.add_typer(crm, name="crm")
    _add_list(crm)
    _add_contact(crm)
    crm_dlq.register(crm)
    crm_conflicts.register(crm)
    crm_sync.register(crm)
    crm_reconcile.register(crm)


def _add_list(crm: typer.Typer) -> None:
    @crm.command("list", epilog=output.example("voicemesh crm list --kind appointment --json"))
    def list_records(
        *,
        kind: Annotated[
            str, typer.Option(help="Only of this kind: appointment, complaint, interaction ...", show_default=False)
        ] = "",
        session: Annotated[str, typer.Option(help="Only of this session.", show_default=False)] = "",
        contact: Annotated[str, typer.Option(help="Only of this contact's id.", show_default=False)] = "",
        limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """The records that calls left behind, the newest first."""
        request = crm_service_pb2.ListRecordsRequest(
            context=endpoints.context(tenant=tenant), kind=kind, session_id=session, contact_id=contact
        )
        with output.command(json) as out:
            records, more = asyncio.run(_records(endpoints.resolve_target(target, "crm"), request, limit))
            out.document({"records": [_document(record) for record in records], "more": more})
            _print_records(out, records)
            if not records:
                which = "such records" if kind or session or contact else "records"
                out.console.print(f"no {which}; a call makes one: voicemesh call FILE.wav")
            if more:
                out.console.print(f"[dim]there are more: --limit {2 * limit}[/]")


def _add_contact(crm: typer.Typer) -> None:
    @crm.command(epilog=output.example("voicemesh crm contact +15550123456"))
    def contact(
        *,
        key: Annotated[str, typer.Argument(help="A telephone number (+...), a customer id, or a contact id.")],
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """A customer, and what the next conversation with them will know."""
        with output.command(json) as out:
            address = endpoints.resolve_target(target, "crm")
            found = asyncio.run(_find(address, endpoints.context(tenant=tenant), key))
            out.document(_document(found))
            _print_contact(out, found)


async def _records(
    address: str, request: crm_service_pb2.ListRecordsRequest, limit: int
) -> tuple[list[crm_pb2.Record], bool]:
    """Return at most `limit` records, and whether there are more."""
    records: list[crm_pb2.Record] = []
    async with grpc.aio.insecure_channel(address) as channel:
        stub = CrmServiceStub(channel)
        while True:
            request.page_size = min(_PAGE_SIZE, limit - len(records))
            page = await stub.ListRecords(request, timeout=_TIMEOUT_S)
            records += page.records
            request.page_token = page.next_page_token
            if not page.next_page_token or len(records) >= limit:
                return records, bool(page.next_page_token)


async def _find(address: str, context: Any, key: str) -> crm_pb2.CallerContext:
    """Look a contact up by what `key` may be; the last refusal counts."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = CrmServiceStub(channel)
        *others, last = _keys(key)
        for other in others:
            request = crm_service_pb2.LookupContactRequest(context=context, contact=other)
            try:
                return (await stub.LookupContact(request, timeout=_TIMEOUT_S)).caller_context
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
        request = crm_service_pb2.LookupContactRequest(context=context, contact=last)
        return (await stub.LookupContact(request, timeout=_TIMEOUT_S)).caller_context


def _keys(key: str) -> Iterator[crm_pb2.ContactKey]:
    if key.startswith("+"):
        yield crm_pb2.ContactKey(phone=key)
        return
    # A contact id is at most 64 characters; a customer id may be longer.
    if len(key) <= 64:
        yield crm_pb2.ContactKey(contact_id=key)
    yield crm_pb2.ContactKey(customer_id=key)


def _document(message: crm_pb2.Record | crm_pb2.CallerContext) -> dict[str, Any]:
    """A message as JSON shows it: names as in the proto; a record's state in lower case without its prefix."""
    document: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    if isinstance(message, crm_pb2.Record):
        document["state"] = _state(message)
    return document


def _state(record: crm_pb2.Record) -> str:
    return crm_pb2.RecordState.Name(record.state).removeprefix(_STATE_PREFIX).lower()


def _applied(record: crm_pb2.Record) -> bool:
    return record.state == crm_pb2.RECORD_STATE_APPLIED


def _print_records(out: output.Output, records: Sequence[crm_pb2.Record]) -> None:
    """What a record is in a line, what it says and whose it is below: it reads the same in any width."""
    for record in records:
        when = record.created_at.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        line = Text.assemble((record.kind, "bold"), " ", (_state(record), "green" if _applied(record) else "yellow"))
        output.print_beside(out.console, Text(when), line, _WHEN_WIDTH)
        # The title says most of it; these are the values it leaves out. The session's id stands below.
        values = ", ".join(
            f"{name}={value}"
            for name, value in sorted(record.fields.items())
            if value not in record.title and not (record.session_id and record.session_id in value)
        )
        session = f"session {record.session_id}" if record.session_id else ""
        for text in (Text(record.title), Text(values, "dim"), Text(session, "dim")):
            if text:
                output.print_beside(out.console, Text(), text, _WHEN_WIDTH)


def _stage(found: crm_pb2.CallerContext) -> str:
    name = caller_pb2.IntentStage.Name(found.intent_stage).removeprefix(_STAGE_PREFIX).lower()
    return "" if name == "unspecified" else name


def _print_contact(out: output.Output, found: crm_pb2.CallerContext) -> None:
    contact = found.contact
    rows = {
        "name": contact.display_name,
        "contact id": contact.contact_id,
        "customer id": contact.customer_id,
        "phones": ", ".join(contact.phones),
        "e-mail": ", ".join(contact.emails),
        "language": contact.language,
        "region": contact.region,
        "last call": found.last_interaction,
        "conversations": str(found.prior.count),
        "intent stage": _stage(found),
        "suppressed": "yes: not to be reached" if found.suppressed else "no",
    }
    for consent in found.consents:
        rows[f"consent {consent.channel or 'all'}, {consent.purpose or 'all'}"] = consent.state
    for link in found.links:
        says = (link.vendor_contact_id, link.stage, "not to be contacted" if link.suppressed else "")
        rows[f"in {link.vendor}"] = ", ".join(filter(None, says))
    table = Table(box=None, show_header=False)
    for name, value in rows.items():
        table.add_row(f"[bold]{escape(name)}[/]", escape(value) or "[dim]-[/]")
    for item in found.open_items:
        worth = " ".join(filter(None, (item.amount, item.currency)))
        text = ", ".join(filter(None, (item.title, worth, f"in {item.vendor}" if item.vendor else "")))
        table.add_row(f"[bold]{escape(item.state)} {escape(item.kind)}[/]", escape(text))
    out.console.print(table)
