"""The monitor stream: checks in, decisions out, revocations as they happen."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
import pytest
from component.consent.consent_client import MARC, SARAH, ask, check, context, reason_of, said, suppress
from google.protobuf.duration_pb2 import Duration
from voicemesh.consent.v1 import consent_pb2 as pb
from voicemesh.consent.v1 import consent_service_pb2 as service_pb
from voicemesh.consent.v1.consent_service_pb2_grpc import ConsentServiceStub

from mesh.testing import serve
from services.consent.app import build
from services.consent.config import ConsentSettings

CONFIG = service_pb.MonitorRequest(config=service_pb.MonitorConfig(context=context()))


def configured(**changes: str) -> service_pb.MonitorRequest:
    """A configuration that differs from the first in some of its context."""
    config = service_pb.MonitorConfig(context=context())
    for name, value in changes.items():
        setattr(config.context, name, value)
    return service_pb.MonitorRequest(config=config)


END = service_pb.MonitorRequest(end=service_pb.EndMonitor())


def asks(check_id: str, subject: pb.Subject = SARAH, **more: bool) -> service_pb.MonitorRequest:
    return service_pb.MonitorRequest(check=check(subject, check_id=check_id, **more))


class Stream:
    """A client's monitor stream."""

    def __init__(self, stub: ConsentServiceStub, *first: service_pb.MonitorRequest) -> None:
        self.call = stub.Monitor()
        self._first = first

    async def start(self) -> None:
        await self.send(*self._first)

    async def send(self, *messages: service_pb.MonitorRequest) -> None:
        for message in messages:
            await self.call.write(message)

    async def read(self) -> service_pb.MonitorResponse:
        async with asyncio.timeout(20):
            response = await self.call.read()
        assert response is not grpc.aio.EOF
        return response


@asynccontextmanager
async def monitoring(stub: ConsentServiceStub, tenant: str = "acme") -> AsyncIterator[Stream]:
    config = service_pb.MonitorConfig(context=context(tenant))
    stream = Stream(stub, service_pb.MonitorRequest(config=config))
    await stream.start()
    try:
        yield stream
    finally:
        stream.call.cancel()


async def test_checks_are_answered_in_order_and_counted(stub: ConsentServiceStub) -> None:
    await stub.RecordConsent(said())
    async with monitoring(stub) as stream:
        await stream.send(asks("a"), asks("b", MARC))
        first, second = await stream.read(), await stream.read()
        assert (first.sequence, first.decided.check_id) == (0, "a")
        assert first.decided.decision.outcome == pb.OUTCOME_ALLOWED
        assert (second.sequence, second.decided.check_id) == (1, "b")
        assert second.decided.decision.outcome == pb.OUTCOME_UNKNOWN
        await stream.send(END)
        assert await stream.call.read() is grpc.aio.EOF
        assert await stream.call.code() is grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("withdrawal", "reason"),
    [
        (lambda: said(pb.CONSENT_STATE_REVOKED), pb.DECISION_REASON_REVOKED),
        (lambda: said(pb.CONSENT_STATE_REFUSED), pb.DECISION_REASON_REFUSED),
        (suppress, pb.DECISION_REASON_SUPPRESSED),
        # Sarah is asked for by her number; the withdrawal names her by her customer id alone.
        (lambda: suppress(subject=pb.Subject(customer_id="C-42")), pb.DECISION_REASON_SUPPRESSED),
    ],
    ids=["revoked", "refused", "suppressed", "suppressed by another name"],
)
async def test_a_yes_that_becomes_a_no_is_pushed(
    stub: ConsentServiceStub,
    withdrawal: Callable[[], service_pb.RecordConsentRequest | service_pb.AddSuppressionRequest],
    reason: int,
) -> None:
    await stub.RecordConsent(said())
    await stub.RecordConsent(said(subject=MARC))
    async with monitoring(stub) as stream:
        await stream.send(asks("marc", MARC), asks("sarah", pb.Subject(phone=SARAH.phone)))
        assert (await stream.read()).decided.decision.outcome == pb.OUTCOME_ALLOWED
        assert (await stream.read()).decided.decision.outcome == pb.OUTCOME_ALLOWED
        request = withdrawal()
        if isinstance(request, service_pb.RecordConsentRequest):
            await stub.RecordConsent(request)
        else:
            await stub.AddSuppression(request)
        pushed = await stream.read()
        assert (pushed.sequence, pushed.revoked.check_id) == (2, "sarah")
        assert pushed.revoked.decision.reason == reason
        # Nothing was pushed of Marc: the next message is the answer to the next check.
        await stream.send(asks("marc", MARC))
        assert (await stream.read()).decided.check_id == "marc"


async def test_a_no_that_stays_a_no_is_not_pushed_again(stub: ConsentServiceStub) -> None:
    await stub.RecordConsent(said())
    async with monitoring(stub) as stream:
        await stream.send(asks("a"))
        await stream.read()
        await stub.AddSuppression(suppress())
        assert (await stream.read()).revoked.check_id == "a"
        await stub.AddSuppression(suppress())
        await stub.RecordConsent(said(pb.CONSENT_STATE_REVOKED))
        await stream.send(asks("b", MARC))
        assert (await stream.read()).decided.check_id == "b"


async def test_the_call_of_one_who_calls_goes_on_after_an_opt_out(stub: ConsentServiceStub) -> None:
    served = service_pb.MonitorRequest(check=check(purpose=pb.PURPOSE_SERVICE, check_id="a", caller_initiated=True))
    async with monitoring(stub) as stream:
        await stream.send(served)
        assert (await stream.read()).decided.decision.reason == pb.DECISION_REASON_CALLER_INITIATED
        await stub.AddSuppression(suppress())
        await stream.send(served)
        assert (await stream.read()).decided.decision.outcome == pb.OUTCOME_ALLOWED


async def test_the_same_check_asked_again_is_decided_anew(stub: ConsentServiceStub) -> None:
    async with monitoring(stub) as stream:
        await stream.send(asks("a"))
        stale = (await stream.read()).decided.decision
        await stub.RecordConsent(said())
        await stream.send(asks("a"))
        fresh = (await stream.read()).decided.decision
    assert (stale.outcome, fresh.outcome) == (pb.OUTCOME_UNKNOWN, pb.OUTCOME_ALLOWED)
    assert fresh.valid_until.ToNanoseconds() > stale.valid_until.ToNanoseconds()


async def test_another_tenants_withdrawal_is_not_heard(stub: ConsentServiceStub) -> None:
    await stub.RecordConsent(said(context=context("globex")))
    async with monitoring(stub, "globex") as stream:
        await stream.send(asks("a"))
        await stream.read()
        await stub.AddSuppression(suppress())
        await stream.send(asks("b"))
        assert (await stream.read()).decided.decision.outcome == pb.OUTCOME_ALLOWED


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([asks("a")], ("PROTOCOL_VIOLATION", {"expected": "config", "received": "check"})),
        ([END], ("PROTOCOL_VIOLATION", {"expected": "config", "received": "end"})),
        (
            [CONFIG, configured(correlation_id="c-2")],
            (
                "PROTOCOL_VIOLATION",
                {"expected": "context.correlation_id c-1", "received": "context.correlation_id c-2"},
            ),
        ),
        (
            [CONFIG, configured(tenant_id="globex")],
            ("PROTOCOL_VIOLATION", {"expected": "context.tenant_id acme", "received": "context.tenant_id globex"}),
        ),
        (
            [CONFIG, asks("a", pb.Subject())],
            ("INVALID_REQUEST", {"field": "check.subject", "rule": "required"}),
        ),
    ],
    ids=["no config", "end only", "another correlation id", "another tenant", "nobody"],
)
async def test_what_makes_no_sense_ends_the_stream_with_its_reason(
    stub: ConsentServiceStub,
    messages: list[service_pb.MonitorRequest],
    expected: tuple[str, dict[str, str]],
) -> None:
    stream = Stream(stub, *messages)
    await stream.start()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.call.read()
    assert reason_of(caught.value) == expected
    assert (await stub.CheckConsent(ask(check()))).decision.outcome == pb.OUTCOME_UNKNOWN


async def test_a_half_closed_stream_is_no_ended_one(stub: ConsentServiceStub) -> None:
    stream = Stream(stub, CONFIG)
    await stream.start()
    await stream.call.done_writing()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.call.read()
    assert reason_of(caught.value)[0] == "CONNECTION_DROPPED"


async def test_a_stream_that_watches_too_much_is_refused(settings: ConsentSettings) -> None:
    settings = settings.model_copy(update={"consent_watch_limit": 2})
    async with (
        serve(build, settings, service="consent") as consent,
        grpc.aio.insecure_channel(consent.address) as channel,
        monitoring(ConsentServiceStub(channel)) as stream,
    ):
        await stream.send(asks("a"), asks("b"), asks("a"), asks("c"))
        assert [(await stream.read()).decided.check_id for _ in range(3)] == ["a", "b", "a"]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.call.read()
    assert reason_of(caught.value) == ("OVERLOADED", {"limit": "2", "in_progress": "2"})


async def test_the_language_can_change_on_the_way(stub: ConsentServiceStub) -> None:
    async with monitoring(stub) as stream:
        await stream.send(asks("a"), configured(language="fr-CA", time_zone="America/Toronto"), asks("b"), END)
        assert [(await stream.read()).decided.check_id for _ in range(2)] == ["a", "b"]
        assert await stream.call.read() is grpc.aio.EOF
        assert await stream.call.code() is grpc.StatusCode.OK


async def test_an_answer_has_the_place_of_the_last_check_that_has_one(stub: ConsentServiceStub) -> None:
    places = [None, Duration(), None, Duration(seconds=3)]
    async with monitoring(stub) as stream:
        answers = []
        for place in places:
            request = asks("a")
            if place is not None:
                request.check.audio_offset.CopyFrom(place)
            await stream.send(request)
            answers.append(await stream.read())
    found = [answer.audio_offset if answer.HasField("audio_offset") else None for answer in answers]
    assert found == [None, Duration(), Duration(), Duration(seconds=3)]
