"""`voicemesh review watch`: drafts as they are made and moved."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import grpc
import typer
from voicemesh.crm.v1 import crm_pb2
from voicemesh.crm.v1 import review_service_pb2 as pb
from voicemesh.crm.v1.review_service_pb2_grpc import ReviewServiceStub

from voicemesh_cli import endpoints, output
from voicemesh_cli.commands import review_shown as shown
from voicemesh_cli.commands.crm_options import TargetOption, TenantOption  # noqa: TC001 - typer reads them

if TYPE_CHECKING:
    from voicemesh.crm.v1 import review_pb2 as drafts

_WAITING = (crm_pb2.RECORD_STATE_DRAFT, crm_pb2.RECORD_STATE_REVIEWED)


def add_watch(review: typer.Typer) -> None:
    """Add the command."""

    @review.command(epilog=output.example("voicemesh review watch", "voicemesh review watch --count 1 --json"))
    def watch(
        *,
        vendor: Annotated[str, typer.Option(help="Only of this business system.", show_default=False)] = "",
        kind: Annotated[str, typer.Option(help="Only of this kind.", show_default=False)] = "",
        count: Annotated[int | None, typer.Option(min=1, help="End after so many.", show_default=False)] = None,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Show what waits, then each draft that is made or moves, until Ctrl-C. With --json give --count."""
        wanted = pb.DraftFilter(vendor=vendor, kind=kind, states=_WAITING)
        request = pb.WatchDraftsRequest(context=endpoints.context(tenant=tenant), filter=wanted)
        with output.command(json) as out:
            if json and count is None:
                raise output.InputError("--json prints one document at the end: give --count.")
            kept: list[dict[str, Any]] = []
            # Ctrl-C is how it usually ends: no failure.
            try:
                asyncio.run(_follow(out, endpoints.resolve_target(target, "crm"), request, kept, count))
            except KeyboardInterrupt:
                out.console.print()
            out.document({"drafts": kept})


async def _follow(
    out: output.Output, address: str, request: pb.WatchDraftsRequest, kept: list[dict[str, Any]], count: int | None
) -> None:
    told = 0
    async with grpc.aio.insecure_channel(address) as channel:
        async for response in ReviewServiceStub(channel).WatchDrafts(request):
            _take(out, response.draft, kept)
            told += 1
            if told == count:
                return


def _take(out: output.Output, draft: drafts.Draft, kept: list[dict[str, Any]]) -> None:
    # Only what is printed at the end is kept.
    if out.json_mode:
        kept.append(shown.document(draft))
    else:
        shown.print_line(out, draft)
