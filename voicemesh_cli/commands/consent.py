"""`voicemesh consent`: what a running mesh knows of a customer's consent, and writing down what they say."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import grpc
import typer
from google.protobuf.json_format import MessageToDict
from rich.markup import escape
from rich.table import Table
from voicemesh.consent.v1 import consent_pb2, consent_service_pb2
from voicemesh.consent.v1.consent_service_pb2_grpc import ConsentServiceStub

from mesh.durations import to_timestamp
from voicemesh_cli import endpoints, output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

AnswerT = TypeVar("AnswerT")

_TIMEOUT_S = 10.0
_PAGE_SIZE = 100


class Channel(enum.StrEnum):
    """How the customer is reached."""

    VOICE = "voice"
    SMS = "sms"
    EMAIL = "email"


class Purpose(enum.StrEnum):
    """What the customer is reached for."""

    SERVICE = "service"
    MARKETING = "marketing"
    RECORDING = "recording"


class State(enum.StrEnum):
    """What the customer said."""

    GRANTED = "granted"
    REFUSED = "refused"
    REVOKED = "revoked"


TargetOption = Annotated[
    str | None,
    typer.Option(
        callback=output.checked_target,
        help="HOST:PORT of a consent service; else that of the running mesh.",
        show_default=False,
    ),
]
TenantOption = Annotated[
    str | None, typer.Option(help="The business that asks; else VOICEMESH_TENANT, else default.", show_default=False)
]
PhoneOption = Annotated[str, typer.Option(help="The customer's telephone number, E.164.", show_default=False)]
CustomerOption = Annotated[str, typer.Option(help="The business's own id of the customer.", show_default=False)]
ChannelOption = Annotated[Channel, typer.Option(help="How the customer is reached.")]
PurposeOption = Annotated[Purpose, typer.Option(help="What the customer is reached for.")]
KeyOption = Annotated[
    str, typer.Option("--key", help="Idempotency key: the same key writes once; else a new one.", show_default=False)
]
ExpiresOption = Annotated[
    datetime | None, typer.Option("--expires", help="From when on it no longer counts, UTC.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    consent = typer.Typer(
        help="Consent of a running mesh: check it, write it down, look it up.",
        epilog=output.example(
            "voicemesh consent check --phone +15550123456 --purpose marketing", "voicemesh consent suppressions"
        ),
        no_args_is_help=True,
    )
    app.add_typer(consent, name="consent")
    _add_questions(consent)
    _add_writes(consent)


def _add_questions(consent: typer.Typer) -> None:
    @consent.command(epilog=output.example("voicemesh consent check --phone +15550123456 --purpose marketing"))
    def check(
        *,
        phone: PhoneOption = "",
        customer: CustomerOption = "",
        channel: ChannelOption = Channel.VOICE,
        purpose: PurposeOption = Purpose.SERVICE,
        inbound: Annotated[bool, typer.Option("--inbound", help="The customer called us.")] = False,
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """May this customer be reached, for this, now? Unknown is a no."""
        request = consent_service_pb2.CheckConsentRequest(
            context=endpoints.context(tenant=tenant),
            check=consent_service_pb2.ConsentCheck(
                check_id=uuid.uuid4().hex,
                subject=_subject(phone, customer),
                channel=_channel(channel),
                purpose=_purpose(purpose),
                caller_initiated=inbound,
            ),
        )
        with output.command(json) as out:
            decision = _call(target, lambda stub: stub.CheckConsent(request, timeout=_TIMEOUT_S)).decision
            document = _document(decision, "OUTCOME_", "DECISION_REASON_")
            colour = "green" if decision.outcome == consent_pb2.OUTCOME_ALLOWED else "red"
            out.console.print(f"[bold {colour}]{document['outcome']}[/]: {document['reason']}")
            out.console.print(f"[dim]good until {document['valid_until']}[/]")
            out.document({"decision": document})

    @consent.command(epilog=output.example("voicemesh consent history --phone +15550123456 --json"))
    def history(
        *,
        phone: PhoneOption = "",
        customer: CustomerOption = "",
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Show everything that was written down of a customer, the newest first."""
        request = consent_service_pb2.ListConsentHistoryRequest(
            context=endpoints.context(tenant=tenant), subject=_subject(phone, customer), page_size=_PAGE_SIZE
        )
        with output.command(json) as out:
            records = _call(target, lambda stub: _all_records(stub, request))
            documents = [_document(record, *_PREFIXES) for record in records]
            columns = ("recorded_at", "state", "channel", "purpose", "evidence", "record_id")
            _print_table(out, columns, documents)
            out.document({"records": documents})

    @consent.command(epilog=output.example("voicemesh consent suppressions --json"))
    def suppressions(tenant: TenantOption = None, target: TargetOption = None, json: output.JsonOption = False) -> None:
        """Show the suppression list, the newest first."""
        request = consent_service_pb2.ListSuppressionsRequest(
            context=endpoints.context(tenant=tenant), page_size=_PAGE_SIZE
        )
        with output.command(json) as out:
            listed = _call(target, lambda stub: _all_suppressions(stub, request))
            documents = [_document(each, *_PREFIXES) for each in listed]
            columns = ("recorded_at", "subject", "channel", "reason", "expires_at", "suppression_id")
            _print_table(out, columns, documents)
            out.document({"suppressions": documents})


def _add_writes(consent: typer.Typer) -> None:
    @consent.command(
        epilog=output.example(
            'voicemesh consent record granted --phone +15550123456 --source "web form" --purpose marketing'
        )
    )
    def record(
        *,
        state: Annotated[State, typer.Argument(help="What the customer said.")],
        source: Annotated[str, typer.Option(help="Where it came from: web form, call, paper, import.")],
        phone: PhoneOption = "",
        customer: CustomerOption = "",
        channel: ChannelOption = Channel.VOICE,
        purpose: PurposeOption = Purpose.SERVICE,
        wording: Annotated[str, typer.Option(help="What the customer said yes or no to.")] = "",
        reference: Annotated[str, typer.Option(help="Where the original lies.")] = "",
        expires: ExpiresOption = None,
        key: KeyOption = "",
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Write down a customer's yes, refusal or revocation."""
        request = consent_service_pb2.RecordConsentRequest(
            context=endpoints.context(tenant=tenant),
            subject=_subject(phone, customer),
            channel=_channel(channel),
            purpose=_purpose(purpose),
            state=consent_pb2.ConsentState.Value(f"CONSENT_STATE_{state.name}"),
            evidence=consent_pb2.Evidence(source=source, wording=wording, reference=reference),
            expires_at=_timestamp(expires),
            idempotency_key=key or uuid.uuid4().hex,
        )
        with output.command(json) as out:
            written = _call(target, lambda stub: stub.RecordConsent(request, timeout=_TIMEOUT_S)).record
            out.console.print(f"{state}, for {purpose} by {channel}: record [bold]{written.record_id}[/]")
            out.document({"record": _document(written, *_PREFIXES)})

    @consent.command(
        epilog=output.example('voicemesh consent suppress --phone +15550123456 --reason "asked by letter"')
    )
    def suppress(
        *,
        reason: Annotated[str, typer.Option(help="Why, for a person.")],
        phone: PhoneOption = "",
        customer: CustomerOption = "",
        channel: Annotated[
            Channel | None, typer.Option(help="Only by this channel; else by none at all.", show_default=False)
        ] = None,
        expires: ExpiresOption = None,
        key: KeyOption = "",
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Put a customer on the suppression list: not to be reached, whatever the records say."""
        request = consent_service_pb2.AddSuppressionRequest(
            context=endpoints.context(tenant=tenant),
            subject=_subject(phone, customer),
            channel=_channel(channel) if channel else consent_pb2.CHANNEL_UNSPECIFIED,
            reason=reason,
            expires_at=_timestamp(expires),
            idempotency_key=key or uuid.uuid4().hex,
        )
        with output.command(json) as out:
            added = _call(target, lambda stub: stub.AddSuppression(request, timeout=_TIMEOUT_S)).suppression
            out.console.print(f"suppressed: [bold]{added.suppression_id}[/]")
            out.document({"suppression": _document(added, *_PREFIXES)})

    @consent.command(epilog=output.example('voicemesh consent unsuppress 0b7d... --reason "asked to be called again"'))
    def unsuppress(
        *,
        suppression: Annotated[str, typer.Argument(help="The suppression's id: voicemesh consent suppressions.")],
        reason: Annotated[str, typer.Option(help="Why, for a person.")],
        tenant: TenantOption = None,
        target: TargetOption = None,
        json: output.JsonOption = False,
    ) -> None:
        """Take a suppression off the list; its history stays."""
        request = consent_service_pb2.RemoveSuppressionRequest(
            context=endpoints.context(tenant=tenant), suppression_id=suppression, reason=reason
        )
        with output.command(json) as out:
            _call(target, lambda stub: stub.RemoveSuppression(request, timeout=_TIMEOUT_S))
            out.console.print("off the list")
            out.document({"suppression_id": suppression, "removed": True})


_PREFIXES = ("CHANNEL_", "PURPOSE_", "CONSENT_STATE_")


def _call(target: str | None, ask: Callable[[Any], Awaitable[AnswerT]]) -> AnswerT:
    """Ask the consent service of the running mesh."""

    async def call() -> AnswerT:
        async with _stub(endpoints.resolve_target(target, "consent")) as stub:
            return await ask(stub)

    return asyncio.run(call())


@contextlib.asynccontextmanager
async def _stub(address: str) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield ConsentServiceStub(channel)


async def _all_records(
    stub: Any, request: consent_service_pb2.ListConsentHistoryRequest
) -> list[consent_pb2.ConsentRecord]:
    records: list[consent_pb2.ConsentRecord] = []
    while True:
        page = await stub.ListConsentHistory(request, timeout=_TIMEOUT_S)
        records += page.records
        request.page_token = page.next_page_token
        if not request.page_token:
            return records


async def _all_suppressions(
    stub: Any, request: consent_service_pb2.ListSuppressionsRequest
) -> list[consent_pb2.Suppression]:
    suppressions: list[consent_pb2.Suppression] = []
    while True:
        page = await stub.ListSuppressions(request, timeout=_TIMEOUT_S)
        suppressions += page.suppressions
        request.page_token = page.next_page_token
        if not request.page_token:
            return suppressions


def _subject(phone: str, customer: str) -> consent_pb2.Subject:
    if not phone and not customer:
        raise typer.BadParameter("say who is meant: --phone, --customer, or both")
    return consent_pb2.Subject(phone=phone, customer_id=customer)


def _channel(channel: Channel) -> consent_pb2.Channel.ValueType:
    return consent_pb2.Channel.Value(f"CHANNEL_{channel.name}")


def _purpose(purpose: Purpose) -> consent_pb2.Purpose.ValueType:
    return consent_pb2.Purpose.Value(f"PURPOSE_{purpose.name}")


def _timestamp(moment: datetime | None) -> Timestamp | None:
    return None if moment is None else to_timestamp(moment.replace(tzinfo=UTC))


def _document(message: Message, *prefixes: str) -> dict[str, Any]:
    """A message as JSON shows it: names as in the proto, enum values in lower case without their prefix."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(each) for name, each in value.items()}
        prefix = next((prefix for prefix in prefixes if isinstance(value, str) and value.startswith(prefix)), "")
        return value.removeprefix(prefix).lower() if prefix else value

    document = plain(MessageToDict(message, preserving_proto_field_name=True))
    assert isinstance(document, dict)
    return document


def _print_table(out: output.Output, columns: tuple[str, ...], documents: list[dict[str, Any]]) -> None:
    if not documents:
        out.console.print("nothing is written down")
        return
    table = Table(*(name.replace("_", " ") for name in columns), box=None, header_style="bold")
    for document in documents:
        table.add_row(*(_cell(document.get(name, "")) for name in columns))
    out.console.print(table)


def _cell(value: Any) -> str:
    return escape(" ".join(str(each) for each in value.values()) if isinstance(value, dict) else str(value))
