"""When a turn is over, on virtual time: pauses, false ends, sounds over the agent's voice - with the clinic's flows."""

import asyncio
from dataclasses import replace

import pytest
from fakes.clinic_call import INFO, answers, greeted, outputs, played
from fakes.conversation import FakeVoice, Stage

from services.dialogue import model

# Pauses.


def test_a_whole_sentence_ends_at_the_shortest_pause_and_its_answer_was_prepared():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.pauses("I'd like a cleaning.", 6.0)
        await asyncio.sleep(0.05)
        assert s.recognition_link.finalized == [(6.0, 0.2)]
        assert len(outputs(s, model.AgentBegins)) == 1, "nothing is said before the turn is over"
        assert not outputs(s, model.Understood)
        s.recognition_link.ends("I'd like a cleaning.", 6.0)
        ended = await s.until(model.AgentEnded, 2)
        assert isinstance(ended, model.AgentEnded)
        assert ended.latency is not None
        assert ended.latency.prepared

    s = played(script)
    assert s.understander_link.asked == ["I'd like a cleaning."], "read once, though heard twice"
    assert answers(s) == ["", "c1"]


def test_an_unfinished_sentence_may_pause_for_long():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.pauses("I'd like a cleaning on", 6.0)
        await asyncio.sleep(0.05)
        assert s.recognition_link.finalized == [(6.0, 1.2)]

    played(script)


def test_the_client_and_the_flow_say_how_long_pauses_are():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.client.put_nowait(model.SessionUpdate(turn_taking=model.TurnTaking(shortest_pause=0.5)))
        s.recognition_link.begins(5.0)
        await asyncio.sleep(0.05)
        s.recognition_link.pauses("I'd like a cleaning.", 6.0)
        await asyncio.sleep(0.05)
        assert s.recognition_link.finalized == [(6.0, 0.5)]

    played(script)


def test_a_caller_who_goes_on_after_a_pause_costs_nothing_but_time():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.pauses("I'd like a cleaning.", 6.0)
        await asyncio.sleep(0.05)
        s.recognition_link.goes_on(6.4)
        s.recognition_link.pauses("I'd like a cleaning on Tuesday.", 7.0)
        await asyncio.sleep(0.05)
        s.recognition_link.ends("I'd like a cleaning on Tuesday.", 7.0)
        await s.until(model.AgentEnded, 2)

    s = played(script, voice_link=FakeVoice(delay_s=0.2))
    assert [o.understanding.text for o in outputs(s, model.Understood)] == ["I'd like a cleaning on Tuesday."]
    assert [e[2] for e in s.record.log if e[0] == "turn"] == ["I'd like a cleaning on Tuesday."]
    assert len(s.voice_link.cancelled) >= 1, "what was half spoken is cancelled"


# False ends.


def test_a_turn_cut_in_two_becomes_one_again():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.ends("I'd like a cleaning.", 6.0)
        await s.until(model.AgentEnded, 2)
        s.recognition_link.begins(6.7)
        s.recognition_link.ends("on Tuesday.", 7.3, start=6.7)
        await s.plays_turn("a3")

    s = played(script)
    assert answers(s) == ["", "c1", "c1"]
    last = outputs(s, model.Understood)[-1]
    assert last.turn_id == "c1"
    assert s.understander_link.asked[-1] == "I'd like a cleaning on Tuesday."
    assert [e[1:3] for e in s.record.log if e[0] == "turn"] == [("c1", "I'd like a cleaning on Tuesday.")]
    finals = [o.heard.text for o in outputs(s, model.Transcribed) if o.heard.is_final]
    assert finals == ["I'd like a cleaning.", "I'd like a cleaning on Tuesday."]


def test_words_long_after_a_turn_are_another_turn():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.recognition_link.begins(5.0)
        s.recognition_link.ends("I'd like a cleaning.", 6.0)
        await s.until(model.AgentEnded, 2)
        await asyncio.sleep(1.5)
        s.recognition_link.begins(7.6)
        s.recognition_link.ends("on Tuesday.", 8.3, start=7.6)
        await s.plays(3)

    s = played(script)
    assert answers(s) == ["", "c1", "c2"]
    assert [e[1] for e in s.record.log if e[0] == "turn"] == ["c1", "c2"]


def test_words_said_while_the_answer_is_thought_about_belong_to_the_turn():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.understander_link.delay_s = 0.5
        s.recognition_link.begins(5.0)
        s.recognition_link.ends("I'd like a cleaning.", 6.0)
        await asyncio.sleep(0.1)
        s.recognition_link.begins(6.3)
        await asyncio.sleep(1)
        assert len(outputs(s, model.AgentBegins)) == 1, "the answer waits while the caller speaks"
        s.recognition_link.ends("on Tuesday.", 7.3, start=6.3)
        await s.plays(2)

    s = played(script)
    assert answers(s) == ["", "c1"]
    assert [e[2] for e in s.record.log if e[0] == "turn"] == ["I'd like a cleaning on Tuesday."]


# Sounds over the agent's voice.


@pytest.mark.parametrize(
    ("text", "confidence", "recorded"), [("", None, False), ("Huh", 0.1, False), ("Uh-huh.", 0.9, True)]
)
def test_a_sound_pauses_the_agent_and_no_more(text: str, confidence: float | None, *, recorded: bool):
    async def script(s: Stage) -> None:
        await s.until(model.AgentAudio, 1)
        await asyncio.sleep(0.5)
        s.recognition_link.begins(0.4)
        await asyncio.sleep(0.3)
        s.recognition_link.pauses(text, 0.7, confidence=confidence)
        await asyncio.sleep(0.1)
        assert isinstance(s.heard[-1], model.ResumePlayback), "it goes on at once, not at the utterance's end"
        s.recognition_link.ends(text, 0.7, confidence=confidence)
        await s.plays(1)

    s = played(script)
    assert [o.may_resume for o in outputs(s, model.StopPlayback)] == [True]
    assert answers(s) == [""]
    assert ("spoke", "a1", outputs(s, model.AgentBegins)[0].text) in s.record.log
    assert [e[2] for e in s.record.log if e[0] == "turn"] == ([text] if recorded else [])


def test_a_noise_without_end_does_not_silence_the_agent():
    async def script(s: Stage) -> None:
        await s.until(model.AgentAudio, 1)
        s.recognition_link.begins(0.4)
        await s.until(model.ResumePlayback)
        await s.plays(1)

    s = played(script)
    assert answers(s) == [""]


def test_words_end_the_agents_turn_and_the_record_holds_what_was_heard():
    async def script(s: Stage) -> None:
        greeting = await s.until(model.AgentAudio, 1)
        assert isinstance(greeting, model.AgentAudio)
        s.client.put_nowait(model.Playback("a1", 0.6, finished=False))
        await asyncio.sleep(0.6)
        s.recognition_link.begins(0.5)
        await asyncio.sleep(0.1)
        s.client.put_nowait(model.Playback("a1", 0.65, finished=False))
        s.recognition_link.begins(0.5, "What are")
        await asyncio.sleep(0.1)
        s.recognition_link.ends("What are your hours?", 1.5, start=0.5)
        await s.plays(2)

    s = played(script)
    assert [(o.turn_id, o.may_resume) for o in outputs(s, model.StopPlayback)] == [("a1", True), ("a1", False)]
    said = outputs(s, model.AgentBegins)[0].text.split()
    # The fake voice speaks a word in a quarter of a second: 0.65 s are the middle of the third.
    assert ("spoke", "a1", " ".join(said[:3])) in s.record.log
    assert [o.turn_id for o in outputs(s, model.AgentEnded) if o.interrupted] == ["a1"]
    stop = max(i for i, o in enumerate(s.heard) if isinstance(o, model.StopPlayback))
    assert not [o for o in s.heard[stop:] if isinstance(o, model.AgentAudio) and o.turn_id == "a1"]


def test_a_session_without_barge_in_is_spoken_to_its_end():
    async def script(s: Stage) -> None:
        await s.until(model.AgentAudio, 1)
        s.recognition_link.begins(0.4, "What are")
        s.recognition_link.ends("What are your hours?", 1.5, start=0.4)
        await s.plays(1)
        await s.plays(2)

    s = played(script, info=replace(INFO, no_barge_in=True))
    assert not outputs(s, model.StopPlayback)
    assert answers(s) == ["", "c1"]


def test_on_hold_the_agent_says_nothing():
    async def script(s: Stage) -> None:
        await s.until(model.AgentAudio, 1)
        s.client.put_nowait(model.SessionUpdate(on_hold=True))
        await asyncio.sleep(30)
        assert [o.may_resume for o in outputs(s, model.StopPlayback)] == [True]
        s.client.put_nowait(model.SessionUpdate(on_hold=False))
        await s.until(model.ResumePlayback)
        await s.plays(1)

    s = played(script)
    assert len(outputs(s, model.AgentBegins)) == 1, "nobody asks a caller on hold whether they are there"


def test_an_answer_that_comes_while_on_hold_waits():
    async def script(s: Stage) -> None:
        await greeted(s)
        s.understander_link.delay_s = 0.5
        s.recognition_link.begins(5.0)
        s.recognition_link.ends("I'd like a cleaning.", 6.0)
        s.client.put_nowait(model.SessionUpdate(on_hold=True))
        await asyncio.sleep(30)
        assert len(outputs(s, model.AgentBegins)) == 1
        s.client.put_nowait(model.SessionUpdate(on_hold=False))
        await s.plays_turn("a2")

    assert answers(played(script)) == ["", "c1"]
