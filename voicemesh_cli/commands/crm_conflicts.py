"""`voicemesh crm conflicts`: where business systems, calls and persons disagree over a contact, and who decides."""

from __future__ import annotations

import asyncio
import enum
from datetime import UTC
from typing import TYPE_CHECKING, Annotated, Any

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from rich.text import Text
from voicemesh.crm.v1 import conflicts_pb2 as conflicts
from voicemesh.crm.v1 import conflicts_service_pb2 as pb
from voicemesh.crm.v1.conflicts_service_pb2_grpc import ConflictServiceStub

from voicemesh_cli import endpoints, output
from voicemesh_cli.commands.crm_options import TargetOption, TenantOption  # noqa: TC001 - typer reads them
from voicemesh_cli.principals import AsOption, who

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_TIMEOUT_S = 10.0
_PREFIX = "CONFLICT_STATE_"
_WIDTH = 11
_COLOURS = {"waiting": "yellow", "settled": "green", "resolved": "green"}


class State(enum.StrEnum):
    """Which conflicts are listed."""

    WAITING = "waiting"
    SETTLED = "settled"
    RESOLVED = "resolved"
    ALL = "all"


IdArgument = Annotated[str, typer.Argument(help="Its id, as `conflicts list` shows it.")]


def register(crm: typer.Typer) -> None:
    """Add the commands to `voicemesh crm`."""
    group = typer.Typer(
        help="Conflicts: what sources say of a contact, and is not the same.",
        epilog=output.example("voicemesh crm conflicts list", "voicemesh crm conflicts resolve ID --keep hubspot"),
        no_args_is_help=True,
    )
    crm.add_typer(group, name="conflicts")
    _add_list(group)
    _add_show(group)
    _add_resolve(group)


def _add_list(group: typer.Typer) -> None:
    @group.command("list", epilog=output.example("voicemesh crm conflicts list --state all --contact ID"))
    def list_conflicts(
        *,
        state: Annotated[State, typer.Option(help="What became of them.")] = State.WAITING,
        contact: Annotated[str, typer.Option(help="Only of this contact's id.", show_default=False)] = "",
        field: Annotated[str, typer.Option(help="Only over this value, such as phones.", show_default=False)] = "",
        limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """List them, the newest first."""
        wanted = conflicts.CONFLICT_STATE_UNSPECIFIED
        if state is not State.ALL:
            wanted = conflicts.ConflictState.Value(_PREFIX + state.value.upper())
        request = pb.ListConflictsRequest(
            context=endpoints.context(tenant=tenant), state=wanted, contact_id=contact, field=field, page_size=limit
        )
        with output.command(json) as out:
            page = _ask(target, lambda stub: stub.ListConflicts(request, timeout=_TIMEOUT_S))
            documents = [_document(conflict) for conflict in page.conflicts]
            out.document({"conflicts": documents, "more": bool(page.next_page_token)})
            for conflict in page.conflicts:
                _print(out, conflict)
            if not documents:
                which = "no conflicts" if state is State.ALL else f"no {state.value} conflicts"
                out.console.print(f"{which}{'' if state is State.ALL else '; --state all shows others'}")
            if page.next_page_token:
                out.console.print(f"[dim]there are more: --limit {min(1000, 2 * limit)}[/]")


def _add_show(group: typer.Typer) -> None:
    @group.command(epilog=output.example("voicemesh crm conflicts show 4f1c... --json"))
    def show(
        *,
        conflict_id: IdArgument,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Show one with all that is said."""
        request = pb.GetConflictRequest(context=endpoints.context(tenant=tenant), conflict_id=conflict_id)
        with output.command(json) as out:
            conflict = _ask(target, lambda stub: stub.GetConflict(request, timeout=_TIMEOUT_S)).conflict
            out.document(_document(conflict))
            _print(out, conflict)
            rows = {
                "contact": conflict.contact_id,
                "rules": conflict.rules_version,
                "version": str(conflict.version),
                "decided by": conflict.resolved_by,
                "because": conflict.reason,
            }
            for name, value in rows.items():
                if value:
                    output.print_beside(out.console, Text(), Text.assemble((name, "dim"), " ", value), _WIDTH)


def _add_resolve(group: typer.Typer) -> None:
    @group.command(
        epilog=output.example(
            'voicemesh crm conflicts resolve 4f1c... --keep hubspot --reason "asked her"',
            'voicemesh crm conflicts resolve 4f1c... --value "Sarah Miller" --reason "asked her"',
        )
    )
    def resolve(
        *,
        conflict_id: IdArgument,
        keep: Annotated[str, typer.Option(help="The source that is right, such as hubspot.", show_default=False)] = "",
        value: Annotated[
            list[str] | None, typer.Option(help="What is right; of a list once for each.", show_default=False)
        ] = None,
        reason: Annotated[str, typer.Option(help="Why, in a sentence.", show_default=False)],
        by: AsOption = None,
        version: Annotated[
            int,
            typer.Option(help="The version that was looked at; 0: the one that is there now.", min=0),
        ] = 0,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Decide one: business systems that have it wrong are told."""
        with output.command(json) as out:
            if bool(keep) == bool(value):
                raise output.InputError(
                    "give the source that is right with --keep, or what is right with --value: "
                    f'voicemesh crm conflicts resolve {conflict_id} --keep hubspot --reason "asked her"'
                )
            request = pb.ResolveConflictRequest(
                context=endpoints.context(tenant=tenant),
                conflict_id=conflict_id,
                version=version,
                reason=reason,
            )
            if keep:
                request.source = keep
            else:
                request.value.values.extend(value or [])
            resolved = _ask(target, lambda stub: _resolve(stub, request, who(by, reason))).conflict
            out.document(_document(resolved))
            out.console.print(f"resolved: {resolved.field} of contact {resolved.contact_id}")


async def _resolve(stub: Any, request: pb.ResolveConflictRequest, asks: tuple[tuple[str, str], ...]) -> Any:
    if not request.version:
        wanted = pb.GetConflictRequest(context=request.context, conflict_id=request.conflict_id)
        request.version = (await stub.GetConflict(wanted, timeout=_TIMEOUT_S)).conflict.version
    return await stub.ResolveConflict(request, metadata=asks, timeout=_TIMEOUT_S)


def _ask(target: str | None, call: Callable[[Any], Awaitable[Any]]) -> Any:
    async def ask() -> Any:
        async with grpc.aio.insecure_channel(endpoints.resolve_target(target, "crm")) as channel:
            return await call(ConflictServiceStub(channel))

    return asyncio.run(ask())


def _document(conflict: conflicts.Conflict) -> dict[str, Any]:
    """A conflict as JSON shows it: names as in the proto; its state in lower case without its prefix."""
    document: dict[str, Any] = MessageToDict(conflict, preserving_proto_field_name=True)
    return document | {"state": _state(conflict)}


def _state(conflict: conflicts.Conflict) -> str:
    return conflicts.ConflictState.Name(conflict.state).removeprefix(_PREFIX).lower()


def _print(out: output.Output, conflict: conflicts.Conflict) -> None:
    when = conflict.detected_at.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    state = _state(conflict)
    head = Text.assemble((conflict.field, "bold"), " ", (state, _COLOURS[state]), f" since {when}")
    output.print_beside(out.console, Text("conflict"), head, _WIDTH)
    output.print_beside(out.console, Text(), Text(conflict.conflict_id, "dim"), _WIDTH)
    if conflict.HasField("kept"):
        _print_statement(out, "counts", conflict.kept, "")
    for other in conflict.overruled:
        _print_statement(out, "overruled", other.statement, other.because)


def _print_statement(out: output.Output, label: str, said: conflicts.Statement, because: str) -> None:
    when = said.changed_at.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    text = Text.assemble(f"{said.source} says ", (", ".join(said.values), "bold"), f" since {when}")
    if because:
        text.append(f" ({because})", "yellow")
    output.print_beside(out.console, Text(label, "dim"), text, _WIDTH)
