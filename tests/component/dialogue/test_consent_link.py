"""The dialogue's side of the consent contract, against a server that says what the test wants."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import grpc
import pytest
from fakes.call_store import INFO
from voicemesh.consent.v1 import consent_pb2, consent_service_pb2, consent_service_pb2_grpc
from voicemesh.consent.v1.consent_service_pb2 import CheckDecided, ConsentRevoked, MonitorResponse

from mesh.config import ServiceSettings
from mesh.serving import Runtime
from mesh.testing import serve
from services.dialogue import model
from services.dialogue.adapters.consent import GrpcConsentLink, consent

OUTBOUND = replace(INFO, direction="outbound")


def decision(outcome: consent_pb2.Outcome.ValueType, good_for_s: float) -> consent_pb2.Decision:
    made = consent_pb2.Decision(outcome=outcome, reason=consent_pb2.DECISION_REASON_NO_RECORD)
    now = time.time_ns()
    made.decided_at.FromNanoseconds(now)
    made.valid_until.FromNanoseconds(now + int(good_for_s * 1e9))
    return made


YES, NO, UNKNOWN = consent_pb2.OUTCOME_ALLOWED, consent_pb2.OUTCOME_DENIED, consent_pb2.OUTCOME_UNKNOWN


@dataclass
class FakeConsentService(consent_service_pb2_grpc.ConsentServiceServicer):
    """Answers each check with the next of its answers, and then with the last one for ever."""

    answers: list = field(default_factory=list)
    good_for_s: float = 60
    revoke: asyncio.Event = field(default_factory=asyncio.Event)
    silent: bool = False
    leave_after_answer: bool = False
    checks: int = 0
    streams: int = 0

    async def Monitor(self, request_iterator, context) -> AsyncIterator[MonitorResponse]:
        self.streams += 1
        async for request in request_iterator:
            if request.HasField("end"):
                return
            if not request.HasField("check") or self.silent:
                continue
            self.checks += 1
            outcome = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            made = decision(outcome, self.good_for_s)
            yield MonitorResponse(decided=CheckDecided(check_id=request.check.check_id, decision=made))
            if self.leave_after_answer:
                return
            if self.revoke.is_set():
                yield MonitorResponse(revoked=ConsentRevoked(check_id="call", decision=decision(NO, 60)))


@contextlib.asynccontextmanager
async def linked(
    service: FakeConsentService, info: model.SessionInfo = OUTBOUND, timeout_s: float = 10
) -> AsyncIterator[GrpcConsentLink]:
    async def build(_: ServiceSettings, runtime: Runtime) -> None:
        descriptor = consent_service_pb2.DESCRIPTOR.services_by_name["ConsentService"]
        runtime.add_servicer(consent_service_pb2_grpc.add_ConsentServiceServicer_to_server, service, descriptor)

    async with (
        serve(build, ServiceSettings(drain_s=0)) as ready,
        grpc.aio.insecure_channel(ready.address) as channel,
        consent(channel, info, timeout_s) as link,
    ):
        yield link


async def withdrawn(link: GrpcConsentLink) -> model.ConsentWithdrawn:
    told: asyncio.Queue[model.ConsentWithdrawn] = asyncio.Queue()
    async with asyncio.timeout(20):
        await link.withdrawals(told.put)
    return told.get_nowait()


@pytest.mark.parametrize(
    ("outcome", "good_for_s", "allowed", "denied"),
    [(YES, 60, True, False), (NO, 60, False, True), (UNKNOWN, 60, False, False), (YES, 0, False, False)],
)
async def test_only_a_fresh_yes_is_a_yes(outcome, good_for_s: float, allowed: bool, denied: bool):
    async with linked(FakeConsentService([outcome], good_for_s)) as link:
        made = await link.decide()
    assert (made.allowed, made.denied) == (allowed, denied)


async def test_no_answer_in_time_is_a_no():
    async with linked(FakeConsentService(silent=True), timeout_s=0.1) as link:
        assert not (await link.decide()).allowed


async def test_a_service_that_is_not_there_is_a_no():
    async with (
        grpc.aio.insecure_channel("127.0.0.1:1") as channel,
        consent(channel, OUTBOUND, 10) as link,
    ):
        made = await link.decide()
    assert not made.allowed
    assert "DEPENDENCY_UNAVAILABLE" in made.reason


async def test_of_a_caller_who_is_not_known_nothing_is_asked():
    service = FakeConsentService([YES])
    async with linked(service, replace(OUTBOUND, phone="", customer_id="")) as link:
        assert not (await link.decide()).allowed
    assert service.streams == 0


async def test_a_revocation_withdraws_the_yes():
    service = FakeConsentService([YES])
    service.revoke.set()
    async with linked(service) as link:
        assert (await link.decide()).allowed
        assert (await withdrawn(link)).denied


async def test_a_yes_is_asked_for_again_before_it_goes_stale():
    service = FakeConsentService([YES, YES, YES, NO], good_for_s=0.4)
    async with linked(service) as link:
        assert (await link.decide()).allowed
        assert (await withdrawn(link)).denied
    assert service.checks == 4
    assert service.streams == 1


async def test_a_yes_that_nobody_confirms_goes_stale():
    service = FakeConsentService([YES], good_for_s=0.3)
    async with linked(service) as link:
        assert (await link.decide()).allowed
        service.silent = True
        told = await withdrawn(link)
    assert not told.denied
    assert told.reason == "no fresh answer"


async def test_a_stream_that_breaks_is_opened_again():
    service = FakeConsentService([YES], leave_after_answer=True)
    async with linked(service) as link:
        assert (await link.decide()).allowed
        while service.streams < 3:
            await asyncio.sleep(0.01)
        service.answers = [NO]
        assert (await withdrawn(link)).denied


async def test_whoever_calls_us_is_asked_about_once():
    service = FakeConsentService([YES], good_for_s=0.1, leave_after_answer=True)
    async with linked(service, INFO) as link:
        assert (await link.decide()).allowed
        await asyncio.sleep(0.5)  # longer than its answer was good for
    assert service.streams == 1
