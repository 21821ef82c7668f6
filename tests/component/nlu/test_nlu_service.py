from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from voicemesh.common.v1 import audio_pb2, context_pb2
from voicemesh.nlu.v1 import nlu_pb2, nlu_service_pb2, nlu_service_pb2_grpc

from mesh.durations import to_duration, to_timestamp
from mesh.testing import serve
from services.nlu.app import build
from services.nlu.config import NluSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

FRIDAY = to_timestamp(datetime(2026, 11, 20, 14, 0, tzinfo=UTC))
Request = nlu_service_pb2.StreamingParseRequest
END = Request(end=nlu_service_pb2.EndOfHypotheses())


def context(language: str = "en-US", time_zone: str = "America/New_York") -> context_pb2.RequestContext:
    return context_pb2.RequestContext(
        tenant_id="demo", region="local", correlation_id="c-1", language=language, time_zone=time_zone
    )


def config(domain: str = "clinic", *, language: str = "en-US", **fields: object) -> Request:
    parse_config = nlu_pb2.ParseConfig(
        context=context(language),
        domain=domain,
        reference_time=FRIDAY,
        **fields,  # type: ignore[arg-type]
    )
    return Request(config=parse_config)


def hypothesis(name: str, text: str, turn: str = "", words: Sequence[audio_pb2.Word] = ()) -> Request:
    return Request(hypothesis=nlu_pb2.Hypothesis(id=name, turn_id=turn, text=text, words=words, is_final=True))


@pytest.fixture
async def stub(nlu_settings: NluSettings) -> AsyncIterator[nlu_service_pb2_grpc.NluServiceAsyncStub]:
    async with serve(build, nlu_settings) as service, grpc.aio.insecure_channel(service.address) as channel:
        yield nlu_service_pb2_grpc.NluServiceStub(channel)  # type: ignore[misc]


async def answers(stub: nlu_service_pb2_grpc.NluServiceAsyncStub, *requests: Request) -> list[object]:
    async def send() -> AsyncIterator[Request]:
        for request in requests:
            yield request

    return [answer async for answer in stub.StreamingParse(send(), timeout=20)]


def reason(error: grpc.aio.AioRpcError) -> tuple[str, dict[str, str]]:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason, dict(info.metadata)


async def test_a_text_is_parsed(stub: nlu_service_pb2_grpc.NluServiceAsyncStub) -> None:
    request = nlu_service_pb2.ParseTextRequest(
        context=context(),
        domain="clinic",
        text="I'd like to book a cleaning for Tuesday at ten in the morning.",
        reference_time=FRIDAY,
    )
    parse = (await stub.ParseText(request)).parse
    assert parse.intents[0].name == "book_appointment"
    assert parse.intents[0].confidence > 0.9
    assert not parse.out_of_scope
    assert [(e.type, e.value) for e in parse.entities] == [
        ("service", "cleaning"),
        ("date", "2026-11-24"),
        ("time", "10:00"),
    ]
    assert parse.entities[1].raw == request.text[parse.entities[1].start_char : parse.entities[1].end_char]
    assert not parse.entities[1].HasField("start")
    assert parse.HasField("sentiment")
    assert not parse.sentiment.HasField("confidence")
    assert parse.engine == "minilm"
    assert parse.compute_time.nanos > 0


async def test_domains_are_listed(stub: nlu_service_pb2_grpc.NluServiceAsyncStub) -> None:
    domains = (await stub.ListDomains(nlu_service_pb2.ListDomainsRequest())).domains
    assert [domain.name for domain in domains] == ["clinic", "shop"]
    assert list(domains[0].languages) == ["en", "es"]
    assert "book_appointment" in domains[0].intents
    assert "service" in domains[0].entity_types


async def test_hypotheses_are_answered_in_order(stub: nlu_service_pb2_grpc.NluServiceAsyncStub) -> None:
    replies = await answers(
        stub,
        config(),
        hypothesis("h1", "Yes, please.", "t1"),
        hypothesis("h2", "No, I said Thursday.", "t2"),
        hypothesis("h3", "what's the weather like in Paris", "t3"),
        END,
    )
    assert [r.sequence for r in replies] == [0, 1, 2]
    assert [(r.hypothesis_id, r.turn_id) for r in replies] == [("h1", "t1"), ("h2", "t2"), ("h3", "t3")]
    assert [r.parse.intents[0].name for r in replies[:2]] == ["affirm", "correct"]
    assert replies[2].parse.out_of_scope
    assert not replies[2].parse.intents


async def test_a_turns_newest_hypothesis_is_always_answered(stub: nlu_service_pb2_grpc.NluServiceAsyncStub) -> None:
    growing = [
        "my order",
        "my order arrived",
        "my order arrived damaged",
        "my order arrived damaged I want to complain",
    ]
    replies = await answers(stub, config("shop"), *(hypothesis(f"h{i}", t, "t1") for i, t in enumerate(growing)), END)
    ids = [reply.hypothesis_id for reply in replies]
    assert ids[-1] == "h3"
    assert ids == sorted(set(ids))
    assert replies[-1].parse.intents[0].name == "file_complaint"


async def test_the_configuration_changes_mid_stream(stub: nlu_service_pb2_grpc.NluServiceAsyncStub) -> None:
    expecting = nlu_pb2.Expectation(entity_types=["order_number"])
    replies = await answers(
        stub,
        config("clinic"),
        hypothesis("h1", "seven three three one"),
        config("shop", expectation=expecting),
        hypothesis("h2", "seven three three one"),
        END,
    )
    found = [[(e.type, e.value) for e in reply.parse.entities] for reply in replies]
    assert ("order_number", "7331") not in found[0]
    assert found[1] == [("order_number", "7331")]
    assert replies[1].parse.intents[0].name == "inform"


async def test_entities_carry_the_times_of_their_words(stub: nlu_service_pb2_grpc.NluServiceAsyncStub) -> None:
    words = [
        audio_pb2.Word(text=word, start=to_duration(i), end=to_duration(i + 0.5))
        for i, word in enumerate(["on", "Tuesday", "at", "noon"])
    ]
    (reply,) = await answers(stub, config(), hypothesis("h", "on Tuesday at noon", words=words), END)
    assert [(e.start.seconds, e.end.seconds, e.end.nanos) for e in reply.parse.entities] == [
        (1, 1, 500_000_000),
        (3, 3, 500_000_000),
    ]


async def test_dates_are_the_domains_where_the_context_names_no_zone(
    stub: nlu_service_pb2_grpc.NluServiceAsyncStub,
) -> None:
    midnight_in_london = to_timestamp(datetime(2026, 11, 21, 0, 30, tzinfo=UTC))  # still Friday in New York
    for zone, value in [("", "2026-11-21"), ("Europe/London", "2026-11-22")]:
        request = nlu_service_pb2.ParseTextRequest(
            context=context(time_zone=zone), domain="clinic", text="tomorrow", reference_time=midnight_in_london
        )
        assert [e.value for e in (await stub.ParseText(request)).parse.entities] == [value]


@pytest.mark.parametrize(
    ("requests", "code", "why", "metadata"),
    [
        ([config("bakery")], grpc.StatusCode.NOT_FOUND, "NOT_FOUND", {"kind": "domain", "name": "bakery"}),
        (
            [config(language="de-DE")],
            grpc.StatusCode.INVALID_ARGUMENT,
            "UNRECOGNIZED_LANGUAGE",
            {"language": "de-DE", "supported": "en, es"},
        ),
        (
            [hypothesis("h", "hello")],
            grpc.StatusCode.FAILED_PRECONDITION,
            "PROTOCOL_VIOLATION",
            {"expected": "config", "received": "hypothesis"},
        ),
        ([END], grpc.StatusCode.FAILED_PRECONDITION, "PROTOCOL_VIOLATION", {"expected": "config", "received": "end"}),
        ([config(), config("bakery")], grpc.StatusCode.NOT_FOUND, "NOT_FOUND", {"kind": "domain", "name": "bakery"}),
        ([config(), hypothesis("h", "hello")], grpc.StatusCode.UNAVAILABLE, "CONNECTION_DROPPED", {}),
    ],
    ids=["domain", "language", "early hypothesis", "early end", "changed domain", "no end"],
)
async def test_streams_that_go_wrong_end_with_a_reason(
    stub: nlu_service_pb2_grpc.NluServiceAsyncStub,
    requests: list[Request],
    code: grpc.StatusCode,
    why: str,
    metadata: dict[str, str],
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await answers(stub, *requests)
    assert (refusal.value.code(), *reason(refusal.value)) == (code, why, metadata)
    assert refusal.value.details()
    (reply,) = await answers(stub, config(), hypothesis("next", "yes please"), END)
    assert reply.parse.intents[0].name == "affirm"


async def test_an_unknown_time_zone_is_refused(stub: nlu_service_pb2_grpc.NluServiceAsyncStub) -> None:
    for zone in ("Mars/Base", "../etc/passwd", "/etc/passwd", "Europe"):
        request = nlu_service_pb2.ParseTextRequest(context=context(time_zone=zone), domain="clinic", text="tomorrow")
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stub.ParseText(request)
        assert reason(refusal.value) == (
            "INVALID_REQUEST",
            {"field": "context.time_zone", "rule": "iana_time_zone"},
        )


@pytest.mark.parametrize(
    ("moment", "rule", "advice"),
    [
        (Timestamp(seconds=10**18), "range", "no time of the years 1 to 9999"),
        (Timestamp(seconds=-(10**18)), "range", "no time of the years 1 to 9999"),
        (Timestamp(nanos=-5), "nanos", "from 0 to 999999999"),
        # The calendar's last second: tomorrow is no date. And its first, which New York does not have.
        (Timestamp(seconds=253_402_300_799), "range", "from 1970-01-01 to 9000-12-31"),
        (Timestamp(seconds=-62_135_596_800), "range", "from 1970-01-01 to 9000-12-31"),
    ],
    ids=str,
)
async def test_a_reference_time_outside_the_calendar_is_refused(
    stub: nlu_service_pb2_grpc.NluServiceAsyncStub, moment: Timestamp, rule: str, advice: str
) -> None:
    request = nlu_service_pb2.ParseTextRequest(
        context=context(), domain="clinic", text="tomorrow", reference_time=moment
    )
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stub.ParseText(request)
    assert reason(refusal.value) == ("INVALID_REQUEST", {"field": "reference_time", "rule": rule})
    assert advice in (refusal.value.details() or "")


async def test_the_rules_engine_serves_without_a_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("no-cache")
    settings = NluSettings(cache_dir=empty, nlu_engine="rules")
    async with serve(build, settings) as service, grpc.aio.insecure_channel(service.address) as channel:
        stub: nlu_service_pb2_grpc.NluServiceAsyncStub = nlu_service_pb2_grpc.NluServiceStub(channel)  # type: ignore[assignment]
        request = nlu_service_pb2.ParseTextRequest(context=context(), domain="shop", text="where is my order")
        parse = (await stub.ParseText(request)).parse
    assert (parse.engine, parse.intents[0].name) == ("rules", "order_status")
    assert list(empty.iterdir()) == []
