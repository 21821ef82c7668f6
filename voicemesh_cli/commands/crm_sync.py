"""`voicemesh crm sync`: how far what business systems say has been taken in."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from rich.text import Text
from voicemesh.crm.v1 import sync_pb2
from voicemesh.crm.v1 import sync_service_pb2 as pb
from voicemesh.crm.v1.sync_service_pb2_grpc import SyncServiceStub

from voicemesh_cli import endpoints, output
from voicemesh_cli.commands.crm_options import TargetOption, TenantOption

_TIMEOUT_S = 10.0
_WIDTH = 14


def register(crm: typer.Typer) -> None:
    """Add the commands to `voicemesh crm`."""
    sync = typer.Typer(
        help="Taking in what business systems say: contacts, deals, tickets.",
        epilog=output.example("voicemesh crm sync status", "voicemesh crm sync restart simulator"),
        no_args_is_help=True,
    )
    crm.add_typer(sync, name="sync")
    _add_status(sync)
    _add_restart(sync)


def _add_status(sync: typer.Typer) -> None:
    @sync.command(epilog=output.example("voicemesh crm sync status --json"))
    def status(*, tenant: TenantOption = None, target: TargetOption = None, json: output.JsonOption = False) -> None:
        """How far each business system has been read, what was taken in, and what went wrong last."""
        request = pb.ListSyncStatesRequest(context=endpoints.context(tenant=tenant))
        with output.command(json) as out:
            states = asyncio.run(_states(target, request))
            out.document({"systems": [_document(state) for state in states]})
            for state in states:
                _print(out, state)
            if not states:
                out.console.print("no business system was read for this tenant; VOICEMESH_CRM_SYNC_TENANT begins it")


def _add_restart(sync: typer.Typer) -> None:
    @sync.command(epilog=output.example("voicemesh crm sync restart simulator"))
    def restart(
        *,
        vendor: Annotated[str, typer.Argument(help="The business system.")],
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Have all there is read from the beginning again; what is known already is not changed by it."""
        request = pb.RestartSyncRequest(context=endpoints.context(tenant=tenant), vendor=vendor)
        with output.command(json) as out:
            before = asyncio.run(_restart(target, request)).state
            out.document({"before": _document(before)})
            out.console.print(f"{vendor} will be read from the beginning; it had come to {before.cursor or 'nowhere'}")


async def _states(target: str | None, request: pb.ListSyncStatesRequest) -> list[sync_pb2.SyncState]:
    async with grpc.aio.insecure_channel(endpoints.resolve_target(target, "crm")) as channel:
        return list((await SyncServiceStub(channel).ListSyncStates(request, timeout=_TIMEOUT_S)).states)


async def _restart(target: str | None, request: pb.RestartSyncRequest) -> pb.RestartSyncResponse:
    async with grpc.aio.insecure_channel(endpoints.resolve_target(target, "crm")) as channel:
        return await SyncServiceStub(channel).RestartSync(request, timeout=_TIMEOUT_S)


def _document(state: sync_pb2.SyncState) -> dict[str, Any]:
    """Return a state with its counts as numbers, which JSON of protobuf has as text, and how long ago it was read."""
    document: dict[str, Any] = MessageToDict(state, preserving_proto_field_name=True)
    counts = {name: int(getattr(state, name)) for name in ("applied", "ignored", "refused", "failures")}
    return document | counts | {"behind_s": _behind_s(state)}


def _behind_s(state: sync_pb2.SyncState) -> float | None:
    """Return the seconds since it was last read or told of; None: never."""
    moments = [each for each in (_moment(state, "read_at"), _moment(state, "webhook_at")) if each is not None]
    return round((datetime.now(UTC) - max(moments)).total_seconds(), 1) if moments else None


def _moment(state: sync_pb2.SyncState, name: str) -> datetime | None:
    present = {field.name for field, _ in state.ListFields()}
    return getattr(state, name).ToDatetime(UTC) if name in present else None


def _print(out: output.Output, state: sync_pb2.SyncState) -> None:
    def when(name: str) -> str:
        moment = _moment(state, name)
        return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "never"

    behind_s = _behind_s(state)
    rows = {
        "cursor": state.cursor or "at the beginning",
        "read": when("read_at"),
        "read in full": when("complete_at"),
        "last webhook": when("webhook_at"),
        "newest change": when("changed_at"),
        "last heard": f"{behind_s:g} s ago" if behind_s is not None else "never",
        "changes": f"{state.applied} taken in, {state.ignored} said nothing new, {state.refused} could not be read",
    }
    out.console.print(Text(state.vendor, "bold"))
    for name, value in rows.items():
        output.print_beside(out.console, Text(name, "dim"), Text(value), _WIDTH)
    if state.last_refusal:
        output.print_beside(out.console, Text("last unread", "dim"), Text(state.last_refusal, "yellow"), _WIDTH)
    if state.last_error:
        text = f"{state.last_error} ({state.failures} in a row, {when('failed_at')})"
        output.print_beside(out.console, Text("last error", "dim"), Text(text, "red"), _WIDTH)
