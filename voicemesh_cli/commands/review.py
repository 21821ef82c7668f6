"""`voicemesh review`: writes to business systems that wait for a person, and what is to become of them."""

from __future__ import annotations

import asyncio
import enum
import re
from typing import TYPE_CHECKING, Annotated, Any

import grpc
import typer
from voicemesh.crm.v1 import crm_pb2
from voicemesh.crm.v1 import review_pb2 as drafts
from voicemesh.crm.v1 import review_service_pb2 as pb
from voicemesh.crm.v1.review_service_pb2_grpc import ReviewServiceStub

from mesh.durations import to_duration
from mesh.errors import ErrorReason, MeshError
from voicemesh_cli import endpoints, failures, output
from voicemesh_cli.commands import review_shown as shown
from voicemesh_cli.commands import review_words
from voicemesh_cli.commands.crm_options import TargetOption, TenantOption  # noqa: TC001 - typer reads them
from voicemesh_cli.commands.review_watch import add_watch
from voicemesh_cli.principals import AsOption, who

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_TIMEOUT_S = 10.0
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class State(enum.StrEnum):
    """Which drafts are listed."""

    DRAFT = "draft"
    REVIEWED = "reviewed"
    APPLIED = "applied"
    REJECTED = "rejected"
    ALL = "all"


def _span(text: str) -> float:
    """Seconds of "90s", "30m", "4h", "2d"."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise output.InputError(f"{text!r} is no length of time: give a number with s, m, h or d, such as 4h.")
    return float(match[1]) * _UNIT_S[match[2]]


VendorOption = Annotated[str, typer.Option(help="Only of this business system.", show_default=False)]
KindOption = Annotated[str, typer.Option(help="Only of this kind: appointment, complaint ...", show_default=False)]
StateOption = Annotated[State, typer.Option(help="How far they have come.")]
OlderOption = Annotated[
    str, typer.Option(help="Only those made at least so long ago: 90s, 30m, 4h, 2d.", show_default=False)
]
NumberArgument = Annotated[int, typer.Argument(help="Its number, as `review list` shows it.", min=1)]
NoteOption = Annotated[str, typer.Option(help="Why, in a sentence.", show_default=False)]
VersionOption = Annotated[
    int, typer.Option("--at-version", min=0, help="Only if it is at this version; 0: whatever is there.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    review = typer.Typer(
        help="Writes to business systems that are not sure enough, and wait for a person.",
        epilog=output.example(
            "voicemesh review list",
            "voicemesh review show 17",
            "voicemesh review confirm 17",
            "voicemesh review override 17 date=2026-11-27 time=10:30",
            'voicemesh review reject 17 --note "wrong number"',
        ),
        no_args_is_help=True,
    )
    app.add_typer(review, name="review")
    _add_list(review)
    _add_show(review)
    _add_confirm(review)
    _add_override(review)
    _add_reject(review)
    add_watch(review)


def _add_list(review: typer.Typer) -> None:
    @review.command("list", epilog=output.example("voicemesh review list --vendor simulator --older-than 4h --json"))
    def list_drafts(
        *,
        vendor: VendorOption = "",
        kind: KindOption = "",
        state: StateOption = State.DRAFT,
        older_than: OlderOption = "",
        session: Annotated[str, typer.Option(help="Only of this session.", show_default=False)] = "",
        limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """List them, the oldest first, with what is doubtful."""
        wanted = pb.DraftFilter(vendor=vendor, kind=kind, session_id=session)
        if state is not State.ALL:
            wanted.states.append(crm_pb2.RecordState.Value(f"RECORD_STATE_{state.name}"))
        request = pb.ListDraftsRequest(context=endpoints.context(tenant=tenant), filter=wanted, page_size=limit)
        with output.command(json) as out:
            if older_than:
                request.filter.older_than.CopyFrom(to_duration(_span(older_than)))
            page = _ask(target, lambda stub: stub.ListDrafts(request, timeout=_TIMEOUT_S))
            out.document(
                {"drafts": [shown.document(draft) for draft in page.drafts], "more": bool(page.next_page_token)}
            )
            for draft in page.drafts:
                shown.print_line(out, draft)
            if not page.drafts:
                out.console.print("no drafts: nothing waits for a person" if state is State.DRAFT else "no such drafts")
            if page.next_page_token:
                out.console.print(f"[dim]there are more: --limit {min(1000, 2 * limit)}[/]")


def _add_show(review: typer.Typer) -> None:
    @review.command(epilog=output.example("voicemesh review show 17", "voicemesh review show 17 --words"))
    def show(
        number: NumberArgument,
        *,
        words: Annotated[
            bool, typer.Option("--words", help="Fetch what was said, redacted; it is written down who asked.")
        ] = False,
        by: Annotated[
            str | None,
            typer.Option(help="Who asks for the words; else the name you are logged in with.", show_default=False),
        ] = None,
        dialogue: Annotated[
            str | None,
            typer.Option(
                callback=output.checked_target,
                help="HOST:PORT of the dialogue service, which keeps the words; else that of the running mesh.",
                show_default=False,
            ),
        ] = None,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Show one with its values, what is doubtful, where it was said, and what happened to it."""
        request = pb.GetDraftRequest(context=endpoints.context(tenant=tenant), id=number)
        with output.command(json) as out:
            found = _ask(target, lambda stub: stub.GetDraft(request, timeout=_TIMEOUT_S))
            document = shown.document(found.draft) | {"steps": [shown.step_document(step) for step in found.steps]}
            said: list[dict[str, Any]] = []
            if words:
                asks = dict(who(by, "review"))["voicemesh-principal"]
                said = review_words.words_of(found.draft, context=request.context, who=asks, target=dialogue)
                document["words"] = said
            out.document(document)
            shown.print_whole(out, found.draft, found.steps)
            review_words.print_words(out, found.draft, said)


def _add_confirm(review: typer.Typer) -> None:
    @review.command(epilog=output.example("voicemesh review confirm 17 --by ana"))
    def confirm(
        number: NumberArgument,
        *,
        by: AsOption = None,
        note: NoteOption = "",
        version: VersionOption = 0,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Have it written as it is."""
        request = pb.ConfirmDraftRequest(
            context=endpoints.context(tenant=tenant), decision=_decision(number, note, version)
        )
        with output.command(json) as out:
            asks = _who(by, note, number)
            _tell(out, _ask(target, lambda stub: stub.ConfirmDraft(request, metadata=asks, timeout=_TIMEOUT_S)).draft)


def _add_override(review: typer.Typer) -> None:
    @review.command(epilog=output.example("voicemesh review override 17 date=2026-11-27 --note 'called back'"))
    def override(
        number: NumberArgument,
        values: Annotated[
            list[str], typer.Argument(metavar="FIELD=VALUE...", help="New values; FIELD= takes the field out.")
        ],
        *,
        by: AsOption = None,
        note: NoteOption = "",
        version: VersionOption = 0,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Have it written with other values; what is written already is put right."""
        with output.command(json) as out:
            request = pb.OverrideDraftRequest(
                context=endpoints.context(tenant=tenant),
                decision=_decision(number, note, version),
                values=_values(values),
            )
            asks = _who(by, note, number)
            _tell(out, _ask(target, lambda stub: stub.OverrideDraft(request, metadata=asks, timeout=_TIMEOUT_S)).draft)


def _add_reject(review: typer.Typer) -> None:
    @review.command(epilog=output.example("voicemesh review reject 17 --note 'wrong number'"))
    def reject(
        number: NumberArgument,
        *,
        by: AsOption = None,
        note: NoteOption = "",
        version: VersionOption = 0,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Have it not written."""
        request = pb.RejectDraftRequest(
            context=endpoints.context(tenant=tenant), decision=_decision(number, note, version)
        )
        with output.command(json) as out:
            asks = _who(by, note, number)
            _tell(out, _ask(target, lambda stub: stub.RejectDraft(request, metadata=asks, timeout=_TIMEOUT_S)).draft)


def _values(given: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise output.InputError(f"{text!r} gives no field a value: write FIELD=VALUE, such as date=2026-11-27.")
        if name.strip() in values:
            raise output.InputError(f"{name.strip()} is given twice: give each field one value.")
        values[name.strip()] = value
    return values


def _decision(number: int, note: str, version: int) -> drafts.Decision:
    return drafts.Decision(id=number, note=note, version=version)


def _who(by: str | None, note: str, number: int) -> tuple[tuple[str, str], ...]:
    return who(by, note.strip() or f"review of draft {number}")


def _tell(out: output.Output, draft: drafts.Draft) -> None:
    out.document(shown.document(draft))
    out.console.print(shown.told(draft))


def _ask(target: str | None, call: Callable[[Any], Awaitable[Any]]) -> Any:
    async def ask() -> Any:
        async with grpc.aio.insecure_channel(endpoints.resolve_target(target, "crm")) as channel:
            try:
                return await call(ReviewServiceStub(channel))
            except grpc.aio.AioRpcError as error:
                raise _in_words_of_commands(error) from error

    return asyncio.run(ask())


def _in_words_of_commands(error: grpc.aio.AioRpcError) -> Exception:
    """Name the command that helps where the service names its method."""
    failure = failures.describe(error)
    if failure is None or failure.metadata.get("kind") != "draft" or error.code() != grpc.StatusCode.NOT_FOUND:
        return error
    text = (
        f"there is no draft {failure.metadata['name']} of this tenant: `voicemesh review list --state all` shows them"
    )
    return MeshError(ErrorReason.ERROR_REASON_NOT_FOUND, text, metadata=failure.metadata)
