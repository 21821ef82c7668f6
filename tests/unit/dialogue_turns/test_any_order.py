"""Whatever happens in whatever order, a conversation keeps its promises."""

import asyncio
import contextlib
from collections import Counter
from typing import Any

from fakes.clinic_call import INFO, POLICY, TABLE
from fakes.conversation import Stage
from fakes.virtual_time import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.errors import MeshError
from services.dialogue import model

WORDS = [*TABLE, "Uh-huh.", "um", "", "something nobody understands"]
STEPS = st.one_of(
    st.tuples(st.just("speak"), st.sampled_from(WORDS), st.floats(0.1, 1.5)),
    st.tuples(st.just("pause"), st.sampled_from(WORDS), st.floats(0.05, 1.5)),
    st.tuples(st.just("noise"), st.just(""), st.floats(0.05, 4.0)),
    st.tuples(st.just("play"), st.just(""), st.floats(0.0, 5.0)),
    st.tuples(st.just("finish"), st.just(""), st.floats(0.0, 0.5)),
    st.tuples(st.just("type"), st.sampled_from([w for w in WORDS if w]), st.floats(0.0, 0.5)),
    st.tuples(st.just("keys"), st.sampled_from(["1", "2", "1030#", "*", "0", "77"]), st.floats(0.0, 2.5)),
    st.tuples(st.just("hold"), st.sampled_from(["on", "off"]), st.floats(0.0, 1.0)),
    st.tuples(st.just("wait"), st.just(""), st.floats(0.0, 10.0)),
)


class Caller:
    """Does what the steps say, as a recogniser and a client would tell it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.place = 0.0
        self.finished: set[str] = set()

    async def does(self, kind: str, words: str, seconds: float) -> None:
        recognition, client = self.stage.recognition_link, self.stage.client
        start = self.place = max(self.place, asyncio.get_running_loop().time())
        match kind:
            case "speak" | "pause" | "noise":
                recognition.begins(start, words if kind == "speak" else "")
                await asyncio.sleep(seconds)
                self.place = start + seconds
                if kind == "pause":
                    recognition.pauses(words, self.place, start=start)
                    await asyncio.sleep(0.3)
                    recognition.goes_on(self.place + 0.3)
                    await asyncio.sleep(0.2)
                recognition.ends("" if kind == "noise" else words, self.place, start=start)
            case "play" | "finish":
                turn = self._last_turn()
                if turn is not None:
                    made = self._made(turn)
                    played = made if kind == "finish" else min(seconds, made)
                    finished = kind == "finish" and self._sent(turn)
                    if finished:
                        self.finished.add(turn)
                    client.put_nowait(model.Playback(turn, played, finished=finished))
            case "type":
                client.put_nowait(model.CallerText(words))
            case "keys":
                client.put_nowait(model.CallerKeys(words))
            case "hold":
                client.put_nowait(model.SessionUpdate(on_hold=words == "on"))
        await asyncio.sleep(seconds)

    def _last_turn(self) -> str | None:
        begun = [o.turn_id for o in self.stage.heard if isinstance(o, model.AgentBegins)]
        return begun[-1] if begun else None

    def _made(self, turn: str) -> float:
        pieces = [o for o in self.stage.heard if isinstance(o, model.AgentAudio) and o.turn_id == turn]
        return max((o.offset + len(o.data) / 32_000 for o in pieces), default=0.0)

    def _sent(self, turn: str) -> bool:
        return any(isinstance(o, model.AgentEnded) and o.turn_id == turn for o in self.stage.heard)


def converse(steps: list[tuple[str, str, float]], delay_s: float) -> tuple[Stage, set[str]]:
    """Run a conversation of these steps; return it and the agent's turns that the client played to their end."""
    finished: set[str] = set()

    async def script(stage: Stage) -> None:
        caller = Caller(stage)
        caller.finished = finished
        for step in steps:
            await caller.does(*step)
        stage.client.put_nowait(model.EndSession())
        await asyncio.sleep(3600)

    async def conversation() -> Stage:
        stage = Stage(INFO, POLICY, TABLE)
        stage.understander_link.delay_s = delay_s
        with contextlib.suppress(MeshError):  # a session may end with a reason; its promises hold all the same
            await stage.run(script)
        return stage

    return run(conversation()), finished


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, max_size=14), delay_s=st.sampled_from([0.0, 0.3, 2.0]))
def test_promises_are_kept(steps: list[tuple[str, str, float]], delay_s: float):
    stage, finished = converse(steps, delay_s)
    one_agent_turn_at_a_time(stage.heard)
    no_audio_after_the_end_of_a_turn(stage.heard)
    a_paused_turn_goes_on_or_ends(stage.heard, finished)
    no_outcome_without_a_turn_that_was_played(stage)
    all_that_was_said_is_on_record(stage)
    exactly_one_outcome(stage)


def one_agent_turn_at_a_time(heard: list[Any]) -> None:
    played: set[str] = set()
    begun = ""
    for output in heard:
        if isinstance(output, model.AgentBegins):
            assert output.turn_id not in played, "a turn begins once"
            begun = output.turn_id
            played.add(begun)
        elif isinstance(output, model.AgentAudio):
            assert output.turn_id == begun, "only the turn that was begun last is spoken"


def no_audio_after_the_end_of_a_turn(heard: list[Any]) -> None:
    over: set[str] = set()
    for output in heard:
        if isinstance(output, model.AgentAudio):
            assert output.turn_id not in over
        elif isinstance(output, model.AgentEnded) or (isinstance(output, model.StopPlayback) and not output.may_resume):
            over.add(output.turn_id)


def a_paused_turn_goes_on_or_ends(heard: list[Any], finished: set[str]) -> None:
    paused = ""
    for output in heard:
        if isinstance(output, model.StopPlayback):
            assert paused != output.turn_id or not output.may_resume, "nobody pauses twice"
            paused = output.turn_id if output.may_resume else ""
        elif isinstance(output, model.ResumePlayback):
            assert output.turn_id == paused
            paused = ""
        elif isinstance(output, model.AgentBegins):
            assert not paused or paused in finished, "no turn begins while another may go on"


def no_outcome_without_a_turn_that_was_played(stage: Stage) -> None:
    spoken = {entry[1] for entry in stage.record.log if entry[0] == "spoke"}
    for entry in stage.record.log:
        if entry[0] == "took_effect" and entry[2]:
            assert entry[1] in spoken


def all_that_was_said_is_on_record(stage: Stage) -> None:
    said = {o.turn_id: o.heard.text for o in stage.heard if isinstance(o, model.Transcribed) and o.heard.is_final}
    recorded = {entry[1]: entry[2] for entry in stage.record.log if entry[0] == "turn"}
    assert recorded == said
    counts = Counter(entry[1] for entry in stage.record.log if entry[0] in {"turn", "spoke"})
    assert set(counts.values()) <= {1}, "nothing is taken down twice"


def exactly_one_outcome(stage: Stage) -> None:
    assert [entry[0] for entry in stage.record.log].count("ended") == 1
    assert stage.record.log[-1][0] == "ended"
