"""`voicemesh privacy`: forget a contact, see what was said and who saw it, change the keys."""

from __future__ import annotations

import asyncio
import json as json_codec
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from rich.markup import escape
from rich.text import Text
from voicemesh.content.v1 import content_pb2
from voicemesh.content.v1 import content_service_pb2 as content
from voicemesh.content.v1.content_service_pb2_grpc import ContentServiceStub
from voicemesh.crm.v1 import privacy_pb2
from voicemesh.crm.v1 import privacy_service_pb2 as privacy
from voicemesh.crm.v1.privacy_service_pb2_grpc import PrivacyServiceStub

from mesh.bus.topology import load_topology
from voicemesh_cli import endpoints, output, principals, tool
from voicemesh_cli.commands.crm_options import TenantOption  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_TIMEOUT_S = 30.0
_POLL_S = 0.5
_WIDTH = 20
NOBODY = 3
"""The exit code of an erasure of somebody whom no service knows."""

AsOption = Annotated[
    str | None, typer.Option("--as", help="Who asks; else the user of this machine.", show_default=False)
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        callback=output.checked_target,
        help="HOST:PORT of the service; else that of the running mesh.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="What was said in calls: forget a contact, see who saw what, change the keys.",
        epilog=output.example(
            "voicemesh privacy erase +15550123456", "voicemesh privacy show SESSION", "voicemesh privacy log"
        ),
        no_args_is_help=True,
    )
    app.add_typer(group, name="privacy")
    _add_erase(group)
    _add_show(group)
    _add_log(group)
    _add_rotate(group)


def _add_erase(group: typer.Typer) -> None:
    @group.command(
        epilog=output.example("voicemesh privacy erase +15550123456", "voicemesh privacy erase cust-7 --dry-run")
    )
    def erase(
        *,
        contact: Annotated[
            str, typer.Argument(help="A telephone number (+...), an e-mail address, a customer id, or a contact id.")
        ],
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what the gateway would erase.")] = False,
        wait: Annotated[float, typer.Option(help="Seconds to wait for all services; 0: do not.", min=0)] = 120.0,
        purpose: Annotated[str, typer.Option(help="What for.")] = "erasure asked for by the contact",
        principal: AsOption = None,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Forget a contact everywhere: transcripts, recordings, calls, records, drafts, links, consents.

        Exit code 3: all services answered, and none has anything of that contact.
        """
        who = principals.who(principal, purpose)
        request = privacy.EraseContactRequest(
            context=endpoints.context(tenant=tenant), contact=contact, dry_run=dry_run
        )
        with output.command(json) as out:
            erasure = asyncio.run(_erase(endpoints.resolve_target(target, "crm"), request, who, wait))
            if dry_run:
                out.document({"dry_run": True, "counts": _counts(erasure)})
                _print_erasure(out, erasure, dry_run=True)
                return
            document = _erasure_document(erasure)
            out.document(document | {"dry_run": False})
            _print_erasure(out, erasure, dry_run=False)
            if not document["completed"]:
                out.console.print(
                    f"[yellow]it goes on; how far it is: voicemesh privacy status {erasure.erasure_id}[/]"
                )
            elif not document["found"]:
                out.console.print(f"[yellow]no service has anything of {escape(contact)}: is it written right?[/]")
                raise typer.Exit(NOBODY)

    @group.command(epilog=output.example("voicemesh privacy status ERASURE"))
    def status(
        *,
        erasure: Annotated[str, typer.Argument(help="Its id, as `privacy erase` printed it.")],
        principal: AsOption = None,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """How far an erasure is."""
        request = privacy.GetErasureRequest(context=endpoints.context(tenant=tenant), erasure_id=erasure)
        who = principals.who(principal, "looking after an erasure")
        with output.command(json) as out:
            address = endpoints.resolve_target(target, "crm")
            found = _ask(address, PrivacyServiceStub, lambda stub: stub.GetErasure(request, metadata=who)).erasure
            out.document(_erasure_document(found))
            _print_erasure(out, found, dry_run=False)


async def _erase(
    address: str, request: privacy.EraseContactRequest, who: tuple[tuple[str, str], ...], wait_s: float
) -> privacy_pb2.Erasure:
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = PrivacyServiceStub(channel)
        erasure = (await stub.EraseContact(request, metadata=who, timeout=_TIMEOUT_S)).erasure
        until = time.monotonic() + wait_s
        again = privacy.GetErasureRequest(context=request.context, erasure_id=erasure.erasure_id)
        while erasure.erasure_id and not erasure.HasField("completed_at") and time.monotonic() < until:
            await asyncio.sleep(_POLL_S)
            erasure = (await stub.GetErasure(again, metadata=who, timeout=_TIMEOUT_S)).erasure
        return erasure  # type: ignore[no-any-return]


def _erasure_document(erasure: privacy_pb2.Erasure) -> dict[str, Any]:
    counts = _counts(erasure)
    return {
        "erasure_id": erasure.erasure_id,
        "completed": erasure.HasField("completed_at"),
        "found": any(count for of in counts.values() for count in of.values()),
        "services": {
            service.service: {"done": service.HasField("completed_at"), "counts": counts[service.service]}
            for service in erasure.services
        },
        **{name: at.isoformat() for name, at in _kept_until(erasure).items()},
    }


def _counts(erasure: privacy_pb2.Erasure) -> dict[str, dict[str, int]]:
    """Of each service what was erased, or would be."""
    return {
        service.service: {name: int(count) for name, count in sorted(service.counts.items())}
        for service in erasure.services
    }


def _kept_until(erasure: privacy_pb2.Erasure) -> dict[str, datetime]:
    """Until when, at the latest, the broker keeps what was told of the contact, as its streams are configured here.

    An event that lies there until its last day may become a dead letter then.
    """
    at = erasure.completed_at.ToDatetime(UTC) if erasure.HasField("completed_at") else datetime.now(UTC)
    streams = load_topology().streams
    until, kept = at.replace(microsecond=0), {}
    for name, of in (("events_kept_until", "events"), ("dead_letters_kept_until", "dead")):
        if of in streams:
            until += timedelta(seconds=streams[of].max_age_s)
            kept[name] = until
    return kept


def _print_erasure(out: output.Output, erasure: privacy_pb2.Erasure, *, dry_run: bool) -> None:
    if erasure.erasure_id:
        out.console.print(f"erasure {erasure.erasure_id}")
    for service in erasure.services:
        counts = ", ".join(
            f"{count} {name.replace('_', ' ')}" for name, count in sorted(service.counts.items()) if count
        )
        done = service.HasField("completed_at") or dry_run
        line = Text(counts or "nothing was there") if done else Text("not done yet", "yellow")
        output.print_beside(out.console, Text(service.service, "bold"), line, _WIDTH)
    for name, until in ({} if dry_run else _kept_until(erasure)).items():
        head = Text(name.removesuffix("_kept_until").replace("_", " "), "bold")
        line = Text(
            f"in the broker until {until.astimezone():%Y-%m-%d %H:%M} at the latest, then they go by themselves", "dim"
        )
        output.print_beside(out.console, head, line, _WIDTH)


def _add_show(group: typer.Typer) -> None:
    @group.command(
        epilog=output.example("voicemesh privacy show SESSION", "voicemesh privacy show SESSION --turn c2 --out c2.wav")
    )
    def show(
        *,
        session: Annotated[str, typer.Argument(help="The call's session.")],
        turn: Annotated[
            str, typer.Option(help="The recording of this turn, not the transcript.", show_default=False)
        ] = "",
        out_file: Annotated[
            Path | None, typer.Option("--out", help="Write the content into this file.", show_default=False)
        ] = None,
        purpose: Annotated[str, typer.Option(help="What for; it is written to the log.")] = "looked at by hand",
        principal: AsOption = None,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Show what was said in a call: its redacted transcript."""
        who, context = principals.who(principal, purpose), endpoints.context(tenant=tenant)
        with output.command(json) as out:
            if turn and out_file is None:
                raise output.InputError("a recording goes into a file: add --out FILE.wav")
            address = endpoints.resolve_target(target)
            listing = content.ListContentRequest(context=context, session_id=session)
            found = _ask(address, ContentServiceStub, lambda stub: stub.ListContent(listing, metadata=who)).contents
            kind = content_pb2.CONTENT_KIND_RECORDING if turn else content_pb2.CONTENT_KIND_TRANSCRIPT
            wanted = [one for one in found if one.kind == kind and one.turn_id == turn]
            if not wanted:
                raise output.CliError(f"no {'recording' if turn else 'transcript'} of {session} is kept")
            reference = wanted[0].reference
            request = content.GetContentRequest(context=context, uri=reference.uri, sha256=reference.sha256)
            data = _ask(address, ContentServiceStub, lambda stub: stub.GetContent(request, metadata=who)).data
            told = {"session_id": session, "reference": MessageToDict(reference, preserving_proto_field_name=True)}
            if out_file is not None:
                out_file.write_bytes(data)
                out.document(told | {"file": str(out_file)})
                out.console.print(f"{len(data)} bytes in {out_file}")
                return
            transcript = json_codec.loads(data)
            out.document(told | {"transcript": transcript})
            for said in transcript["turns"]:
                output.print_beside(out.console, Text(said["speaker"], "dim"), Text(said["text"]), 8)


def _add_log(group: typer.Typer) -> None:
    @group.command("log", epilog=output.example("voicemesh privacy log --session SESSION --json"))
    def show_log(
        *,
        session: Annotated[str, typer.Option(help="Only of this session.", show_default=False)] = "",
        by: Annotated[str, typer.Option(help="Only of this person or program.", show_default=False)] = "",
        limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
        purpose: Annotated[str, typer.Option(help="What for; it is written to the log.")] = "looked at by hand",
        principal: AsOption = None,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Who saw what, and who was refused: the newest first."""
        request = content.ListContentAccessesRequest(
            context=endpoints.context(tenant=tenant), session_id=session, principal=by, page_size=limit
        )
        who = principals.who(principal, purpose)
        with output.command(json) as out:
            address = endpoints.resolve_target(target)
            page = _ask(address, ContentServiceStub, lambda stub: stub.ListContentAccesses(request, metadata=who))
            rows = [MessageToDict(row, preserving_proto_field_name=True) for row in page.accesses]
            out.document({"accesses": rows, "more": bool(page.next_page_token)})
            for row in page.accesses:
                when = row.at.ToDatetime(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
                verdict = Text("granted", "green") if row.granted else Text("refused", "red")
                line = Text.assemble(verdict, f" {row.action} {row.uri or row.session_id} to ", (row.principal, "bold"))
                line.append(f": {row.purpose}")
                if row.reason:
                    line.append(f" ({row.reason})", "dim")
                output.print_beside(out.console, Text(when, "dim"), line, _WIDTH)
            if not rows:
                out.console.print("nobody saw anything")
            if page.next_page_token:
                out.console.print(f"[dim]there are more: --limit {min(1000, 2 * limit)}[/]")


def _add_rotate(group: typer.Typer) -> None:
    @group.command(
        epilog=output.example("voicemesh privacy rotate", "voicemesh privacy rotate --no-new-key --forget-old")
    )
    def rotate(
        *,
        new_key: Annotated[
            bool, typer.Option("--new-key/--no-new-key", help="Make a new key, or go on with an earlier rotation.")
        ] = True,
        forget_old: Annotated[
            bool, typer.Option("--forget-old", help="Take out keys that nothing needs any more.")
        ] = False,
        json: output.JsonOption = False,
    ) -> None:
        """Encrypt all content with a new key; run it where the keys are. Ended in the middle, it goes on."""
        with output.command(json) as out:
            mesh = endpoints.running_mesh()
            if mesh is not None:
                os.environ.setdefault("VOICEMESH_STATE_DIR", mesh["state_dir"])
            options = [*([] if new_key else ["--no-new-key"]), *(["--forget-old"] if forget_old else [])]
            done = tool.document_of("services.dialogue.content", "rotate", *options)
            out.document(done)
            out.console.print(
                f"key {done['key']}: {done['rewritten']} encrypted anew, {done['already']} had it already"
            )
            if done["unreadable"]:
                out.console.print(
                    f"[red]{done['unreadable']} cannot be read: their key is gone, or they were changed[/]"
                )
            if done["forgotten"]:
                out.console.print(f"forgotten: {', '.join(done['forgotten'])}")


def _ask(address: str, service: Callable[[Any], Any], call: Callable[[Any], Awaitable[Any]]) -> Any:
    async def ask() -> Any:
        async with asyncio.timeout(_TIMEOUT_S), grpc.aio.insecure_channel(address) as channel:
            return await call(service(channel))

    return asyncio.run(ask())
