"""A session on virtual time, between hand-written neighbours, with the clinic's real flows."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fakes.conversation import PCM, FakeConsent, FakeCrm, FakeVoice, Stage
from fakes.virtual_time import run

from mesh.errors import ErrorReason, MeshError
from services.dialogue import model
from services.dialogue.flow import installed_policy
from services.dialogue.limits import Limits

POLICY = installed_policy()
# A week ahead on a Tuesday: a date the clinic takes, whatever day the test runs on.
DAY = datetime.now(UTC).date() + timedelta(days=7)
TUESDAY = (DAY + timedelta(days=(1 - DAY.weekday()) % 7)).isoformat()


def entity(kind: str, value: str) -> model.Entity:
    return model.Entity(kind, value, value, 0, len(value), 0.95)


BOOK = model.Understanding(
    "book",
    "book_appointment",
    0.98,
    entities=(entity("service", "cleaning"), entity("date", TUESDAY), entity("time", "10:00")),
)
TABLE = {
    "book": BOOK,
    "Sarah Miller": model.Understanding(
        "Sarah Miller", "inform", 0.97, entities=(entity("person_name", "Sarah Miller"),)
    ),
    "yes": model.Understanding("yes", "affirm", 0.99),
    "no thanks": model.Understanding("no thanks", "deny", 0.99),
    "goodbye": model.Understanding("goodbye", "goodbye", 0.99),
}
SPEAKING = model.SessionInfo(
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
TYPING = replace(SPEAKING, input_audio=None, output_audio=None, acknowledges_playback=False)


def stage(info: model.SessionInfo = SPEAKING, **changes) -> Stage:
    return Stage(info, POLICY, TABLE, **changes)


async def failure(awaitable) -> MeshError:
    with pytest.raises((MeshError, ExceptionGroup)) as caught:
        await awaitable
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, MeshError)
    return error


async def booking(s: Stage) -> None:
    await s.plays(1)
    for turn, text in enumerate(["book", "Sarah Miller", "yes", "no thanks"], start=2):
        s.recognition_link.speaks(text)
        await s.plays(turn)


def test_a_spoken_booking_leaves_its_outcome_and_ends():
    async def test():
        s = stage()
        await s.run(booking)
        assert s.record.events() == ["AppointmentRequested"]
        assert s.record.log[0] == ("started",)
        assert s.record.log[-1] == ("ended", "appointment_booked")
        assert isinstance(s.heard[0], model.Started)
        assert isinstance(s.heard[-1], model.Ended)

    run(test())


def test_a_typed_booking_needs_no_audio():
    async def script(s: Stage) -> None:
        for turn, text in enumerate(["book", "Sarah Miller", "yes", "no thanks"], start=1):
            await s.until(model.AgentEnded, turn)
            s.client.put_nowait(model.CallerText(text))
        await s.until(model.Ended)

    async def test():
        s = stage(TYPING)
        await s.run(script)
        assert s.record.events() == ["AppointmentRequested"]
        assert not [o for o in s.heard if isinstance(o, model.AgentAudio)]

    run(test())


def test_every_answer_says_how_long_its_stages_took():
    async def test():
        s = stage()
        await s.run(booking)
        answered = [o for o in s.heard if isinstance(o, model.AgentEnded)][1:]
        assert all(o.latency is not None for o in answered)
        greeting = next(o for o in s.heard if isinstance(o, model.AgentEnded))
        assert greeting.latency is None

    run(test())


def test_an_outcome_waits_until_its_turn_was_heard():
    async def script(s: Stage) -> None:
        await s.plays(1)
        for turn, text in enumerate(["book", "Sarah Miller"], start=2):
            s.recognition_link.speaks(text)
            await s.plays(turn)
        s.recognition_link.speaks("yes")
        await s.until(model.AgentEnded, 4)  # all audio sent, nothing acknowledged
        assert s.record.events() == []
        s.client.put_nowait(model.EndSession("hung up"))

    async def test():
        s = stage()
        await s.run(script)
        assert s.record.events() == [], "the caller never heard that it is booked"
        assert s.record.log[-1] == ("ended", "caller_hung_up")

    run(test())


def test_the_caller_talks_over_the_agent():
    async def script(s: Stage) -> None:
        await s.until(model.AgentAudio, 1)
        s.recognition_link.speaks("book")
        await s.plays(2)
        s.client.put_nowait(model.EndSession())

    async def test():
        s = stage()
        await s.run(script)
        stopped = [o.turn_id for o in s.heard if isinstance(o, model.StopPlayback) and not o.may_resume]
        assert stopped == ["a1"]
        broken_off = next(o for o in s.heard if isinstance(o, model.AgentEnded) and o.turn_id == "a1" and o.interrupted)
        assert broken_off.duration == 0.0, "nothing was acknowledged as heard"
        assert not [e for e in s.record.log if e[0] in {"spoke", "took_effect"} and e[1] == "a1"]
        after = s.heard[s.heard.index(broken_off) :]
        assert not [o for o in after if isinstance(o, model.AgentAudio) and o.turn_id == "a1"]

    run(test())


def test_slow_speech_is_cancelled_when_the_caller_talks_over_it():
    async def script(s: Stage) -> None:
        await s.until(model.AgentBegins, 1)
        s.recognition_link.speaks("book", final=False)
        await s.until(model.StopPlayback)
        s.client.put_nowait(model.EndSession())

    async def test():
        s = stage(voice_link=FakeVoice(delay_s=5))
        await s.run(script)
        assert len(s.voice_link.cancelled) == 1

    run(test())


def test_a_turn_with_consequences_is_heard_out():
    async def script(s: Stage) -> None:
        await s.plays(1)
        for turn, text in enumerate(["book", "Sarah Miller"], start=2):
            s.recognition_link.speaks(text)
            await s.plays(turn)
        s.recognition_link.speaks("yes")
        await s.until(model.AgentAudio, 5)
        await asyncio.sleep(3)  # long after the "yes": no part of it
        s.recognition_link.speaks("goodbye")
        await s.plays(4)
        await s.plays(5)

    async def test():
        s = stage()
        await s.run(script)
        assert not [o for o in s.heard if isinstance(o, model.StopPlayback)]
        assert s.record.events() == ["AppointmentRequested"]
        assert s.record.log[-1] == ("ended", "appointment_booked")

    run(test())


def test_silence_is_asked_about_twice_and_then_ends_the_call():
    async def script(s: Stage) -> None:
        for turn in range(1, 5):
            await s.plays(turn)

    async def test():
        s = stage()
        error = await failure(s.run(script))
        assert error.reason == ErrorReason.ERROR_REASON_ASR_TIMEOUT
        assert len(s.texts()) == 4  # greeting, prompt, prompt, goodbye
        assert isinstance(s.heard[-1], model.Ended)
        assert s.record.log[-1][0] == "ended"

    run(test())


def test_a_muted_or_held_caller_is_not_asked_why_they_are_silent():
    async def script(s: Stage) -> None:
        s.client.put_nowait(model.SessionUpdate(muted=True))
        await s.plays(1)
        await asyncio.sleep(60)
        assert len(s.texts()) == 1
        s.client.put_nowait(model.SessionUpdate(muted=False))
        await s.until(model.AgentBegins, 2)
        s.client.put_nowait(model.EndSession())

    run(stage().run(script))


def test_audio_on_hold_is_not_recognised():
    async def script(s: Stage) -> None:
        s.client.put_nowait(model.SessionUpdate(on_hold=True))
        await asyncio.sleep(0.1)
        voice = b"\1\2" * 16_000
        s.client.put_nowait(model.CallerAudio(voice, 0))
        await asyncio.sleep(0.1)
        assert s.recognition_link.data == bytes(len(voice)), "it hears silence, so that its clock goes on"
        s.client.put_nowait(model.SessionUpdate(on_hold=False))
        await asyncio.sleep(0.1)
        s.client.put_nowait(model.CallerAudio(voice, 1))
        await asyncio.sleep(0.1)
        assert s.recognition_link.data == bytes(len(voice)) + voice
        s.client.put_nowait(model.EndSession())

    run(stage().run(script))


def test_the_longest_session_ends_with_a_reason():
    async def test():
        s = stage(limits=Limits(session_s=20, silence_s=100, forward_ms=lambda: 40, drain_s=5))
        error = await failure(s.run(None))
        assert error.reason == ErrorReason.ERROR_REASON_SESSION_TOO_LONG
        assert s.record.log[-1] == ("ended", "session_too_long")

    run(test())


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([model.CallerAudio(b"abc", 0)], ErrorReason.ERROR_REASON_INVALID_AUDIO),
        ([model.CallerAudio(b"ab", 1)], ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION),
        ([model.CallerAudio(b"ab", 0), model.CallerAudio(b"ab", 0)], ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION),
        (
            [model.EndOfAudio(), model.CallerAudio(b"ab", 0)],
            ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION,
        ),
        ([None], ErrorReason.ERROR_REASON_CONNECTION_DROPPED),
    ],
)
def test_bad_audio_ends_the_call_with_its_reason_and_an_outcome(frames, reason):
    async def script(s: Stage) -> None:
        for frame in frames:
            s.client.put_nowait(frame)
            await asyncio.sleep(0.05)

    async def test():
        s = stage()
        error = await failure(s.run(script))
        assert error.reason == reason
        assert [e for e in s.record.log if e[0] == "ended"] == [("ended", "caller_hung_up")]

    run(test())


def test_audio_in_a_typed_session_is_refused():
    async def script(s: Stage) -> None:
        s.client.put_nowait(model.CallerAudio(b"ab", 0))

    assert run(failure(stage(TYPING).run(script))).reason == ErrorReason.ERROR_REASON_PROTOCOL_VIOLATION


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (model.ConsentDecision(allowed=False, denied=True, reason="revoked"), ErrorReason.ERROR_REASON_CONSENT_DENIED),
        (
            model.ConsentDecision(allowed=False, denied=False, reason="no_record"),
            ErrorReason.ERROR_REASON_CONSENT_UNKNOWN,
        ),
    ],
)
def test_without_consent_an_outbound_call_says_nothing(decision, reason):
    async def test():
        s = stage(replace(SPEAKING, direction="outbound"), consent_link=FakeConsent(decision))
        error = await failure(s.run(None))
        assert error.reason == reason
        assert s.heard == []
        assert s.record.log == []

    run(test())


def test_a_consent_taken_back_ends_an_outbound_call():
    async def script(s: Stage) -> None:
        await s.until(model.AgentBegins)
        s.consent_link.withdrawn.put_nowait(model.ConsentWithdrawn("revoked"))

    async def test():
        s = stage(replace(SPEAKING, direction="outbound"))
        error = await failure(s.run(script))
        assert error.reason == ErrorReason.ERROR_REASON_CONSENT_DENIED
        assert s.record.log[-1] == ("ended", "consent_withdrawn")

    run(test())


def test_what_the_records_say_of_the_caller_reaches_the_events():
    async def script(s: Stage) -> None:
        await s.until(model.AgentBegins)
        await asyncio.sleep(0.1)
        s.client.put_nowait(model.EndSession())

    async def test():
        s = stage(crm_link=FakeCrm(model.CallerContext("contact-7", "Sarah Miller")))
        await s.run(script)
        assert ("identified", "contact-7") in s.record.log

    run(test())


def test_a_neighbour_that_fails_ends_the_call_with_its_reason_and_an_outcome():
    async def script(s: Stage) -> None:
        s.understander_link.failure = MeshError(
            ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE, "nlu is down", metadata={"dependency": "nlu"}
        )
        await s.plays(1)
        s.recognition_link.speaks("book")
        await asyncio.sleep(60)

    async def test():
        s = stage()
        error = await failure(s.run(script))
        assert error.reason == ErrorReason.ERROR_REASON_DEPENDENCY_UNAVAILABLE
        assert s.record.log[-1] == ("ended", "caller_hung_up")

    run(test())


def test_a_language_that_is_not_spoken_is_refused_and_the_call_goes_on():
    async def script(s: Stage) -> None:
        s.client.put_nowait(model.SessionUpdate(language="fi-FI"))
        refused = await s.until(model.Refused)
        assert refused.error.reason == ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE
        s.client.put_nowait(model.SessionUpdate(language="en-GB"))
        await asyncio.sleep(0.1)
        assert s.voice_link.languages == ["en-GB"]
        assert s.recognition_link.configurations[-1][0] == "en-GB"
        s.client.put_nowait(model.EndSession())

    run(stage().run(script))


def test_the_end_of_audio_answers_what_is_pending_and_ends():
    async def script(s: Stage) -> None:
        await s.plays(1)
        s.recognition_link.speaks("book")
        s.client.put_nowait(model.EndOfAudio())
        await s.plays(2)

    async def test():
        s = stage()
        await s.run(script)
        assert s.recognition_link.finished
        assert len(s.texts()) == 2
        assert isinstance(s.heard[-1], model.Ended)

    run(test())


def test_the_recogniser_is_told_which_words_are_likely():
    async def test():
        s = stage()
        await s.run(booking)
        assert any("Wednesday" in phrases for _, phrases in s.recognition_link.configurations)

    run(test())


def test_a_process_that_goes_away_says_so():
    async def script(s: Stage) -> None:
        await s.until(model.AgentBegins)
        s.draining.set()
        going = await s.until(model.GoingAway)
        assert going.within_s == 4, "a little less than the process gives its calls"
        s.client.put_nowait(model.EndSession())

    run(stage().run(script))
