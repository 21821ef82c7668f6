"""However a session ends, it leaves its one outcome, its spans and nothing else."""

import asyncio
from dataclasses import replace

import pytest
from fakes.conversation import PCM, FakeUnderstander, FakeVoice, Stage
from fakes.virtual_time import run
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mesh.errors import ErrorReason, MeshError
from services.dialogue import model
from services.dialogue.flow import installed_policy
from services.dialogue.outcome import outcome_of
from services.dialogue.turns import trace as turn_trace

POLICY = installed_policy()
TABLE = {
    "hours": model.Understanding("hours", "opening_hours", 0.98),
    "goodbye": model.Understanding("goodbye", "goodbye", 0.99),
}
INFO = model.SessionInfo(
    session_id="s1",
    tenant_id="default",
    region="local",
    correlation_id="c1",
    language="en-US",
    time_zone="UTC",
    domain="clinic",
    direction="inbound",
    input_audio=PCM,
    output_audio=PCM,
    acknowledges_playback=True,
)


def stage(**changes) -> Stage:
    return Stage(changes.pop("info", INFO), changes.pop("policy", POLICY), TABLE, **changes)


async def failure(awaitable) -> MeshError:
    with pytest.raises((MeshError, ExceptionGroup)) as caught:
        await awaitable
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, MeshError)
    return error


def ends(s: Stage) -> list[tuple]:
    return [entry for entry in s.record.log if entry[0] == "ended"]


def test_a_process_that_goes_away_ends_the_call_while_it_still_can():
    async def script(s: Stage) -> None:
        await s.plays(1)
        s.draining.set()
        await asyncio.sleep(60)

    async def test():
        s = stage()
        error = await failure(s.run(script))
        assert error.reason == ErrorReason.ERROR_REASON_SHUTTING_DOWN
        assert [type(o) for o in s.heard[-2:]] == [model.GoingAway, model.Ended]
        assert s.heard[-1].duration < 20
        assert ends(s) == [("ended", "service_interrupted")]

    run(test())


def test_a_session_that_is_cancelled_leaves_its_outcome():
    async def test():
        s = stage()
        async with asyncio.TaskGroup() as tasks:
            session = tasks.create_task(s.run(None))
            await s.until(model.AgentEnded)
            session.cancel()
        assert ends(s) == [("ended", "caller_hung_up")]
        assert not [o for o in s.heard if isinstance(o, model.Ended)], "there is nobody to tell"

    run(test())


def test_what_was_said_is_on_record_though_the_client_never_takes_the_answer():
    async def script(s: Stage) -> None:
        await s.plays(1)
        s.stuck = True
        s.recognition_link.speaks("hours")
        await asyncio.sleep(60)

    class StuckClient(Stage):
        stuck = False

        async def emit(self, output: model.SessionOutput) -> None:
            if self.stuck and isinstance(output, model.Understood):
                await asyncio.sleep(10)
                raise MeshError(ErrorReason.ERROR_REASON_SLOW_CONSUMER, "the client does not read")
            await super().emit(output)

    async def test():
        s = StuckClient(INFO, POLICY, TABLE)
        await failure(s.run(script))
        assert ("turn", "c1", "hours", "opening_hours") in s.record.log

    run(test())


class _BrokenPolicy:
    """Fails when the call is over."""

    def __getattr__(self, name: str):
        return getattr(POLICY, name)

    def summarise(self, state, disposition) -> str:
        raise KeyError("a script that changed")


def test_a_policy_that_fails_costs_the_call_no_outcome():
    async def script(s: Stage) -> None:
        await s.plays(1)
        s.client.put_nowait(model.EndSession())

    async def test():
        s = stage(policy=_BrokenPolicy())
        await s.run(script)
        assert ends(s) == [("ended", "caller_hung_up")]

    run(test())
    assert outcome_of(_BrokenPolicy(), None) == ("caller_hung_up", "")


def test_words_said_over_a_turn_that_is_heard_out_are_timed_by_their_own_speech():
    """Two turns wait; each answer's latency counts from its own turn, and its transcription holds none of the wait."""

    class HeardOut:
        def __getattr__(self, name: str):
            return getattr(POLICY, name)

        def start(self, call):
            state, reply = POLICY.start(call)
            return state, replace(reply, uninterruptible=True)

    async def script(s: Stage) -> None:
        await s.until(model.AgentEnded)
        s.recognition_link.speaks("hours")
        await asyncio.sleep(3)
        s.recognition_link.speaks("hours")
        await asyncio.sleep(2)
        await s.plays(1)
        await s.plays(2)
        await s.plays(3)
        s.client.put_nowait(model.EndSession())

    async def test():
        s = stage(policy=HeardOut())
        await s.run(script)
        first, second = (o.latency for o in s.heard if isinstance(o, model.AgentEnded) and o.latency is not None)
        assert first.transcription == second.transcription == 0.0
        assert first.total >= 5
        replies = [o for o in s.heard if isinstance(o, model.AgentBegins)][1:]
        assert [o.in_reply_to for o in replies] == ["c1", "c2"]

    run(test())


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(turn_trace, "_tracer", provider.get_tracer("test"))
    return exporter


def _whole(exporter: InMemorySpanExporter) -> bool:
    finished = exporter.get_finished_spans()
    ids = {span.context.span_id for span in finished}
    return bool(finished) and all(s.parent is None or s.parent.span_id in ids for s in finished)


def test_the_span_of_an_answer_that_is_talked_over_before_it_sounds_is_ended(spans: InMemorySpanExporter):
    async def script(s: Stage) -> None:
        await s.plays(1)
        s.voice_link.delay_s = 5
        s.recognition_link.speaks("hours")
        await s.until(model.AgentBegins, 2)
        s.recognition_link.speaks("hours", final=False)
        await s.until(model.StopPlayback)
        s.client.put_nowait(model.EndSession())

    run(stage(voice_link=FakeVoice()).run(script))
    assert _whole(spans)
    assert [s.attributes["voicemesh.interrupted"] for s in spans.get_finished_spans() if s.name == "turn"] == [True]


def test_the_span_of_a_turn_nobody_understands_is_ended(spans: InMemorySpanExporter):
    async def script(s: Stage) -> None:
        assert isinstance(s.understander_link, FakeUnderstander)
        s.understander_link.failure = MeshError(ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE, "nlu is down")
        await s.plays(1)
        s.recognition_link.speaks("hours")
        await asyncio.sleep(60)

    run(failure(stage().run(script)))
    assert _whole(spans)
    assert trace.get_current_span() is trace.INVALID_SPAN
