"""A process may die while something is done for the caller: another does it again, known by the same key."""

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

from fakes.clinic_call import TABLE
from fakes.conversation import Stage
from fakes.shared_world import Process
from fakes.virtual_time import run
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.dialogue_turns.test_actions_in_turns import BOOKING, Calendar, Scripted, told
from unit.dialogue_turns.test_killed_anywhere import TYPING, World

from mesh.errors import MeshError
from services.dialogue import model
from services.dialogue.policy import ActionResult, Reply, State
from services.dialogue.snapshot import Snapshot

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.floats(0.0, 6.0)),
        st.tuples(st.just("wait"), st.floats(0.0, 6.0)),
        st.tuples(st.just("kill"), st.floats(0.0, 2.0)),
        st.tuples(st.just("drop"), st.floats(0.0, 2.0)),
    ),
    max_size=10,
)


class Booker(Scripted):
    """Books on every turn, and counts in its state what was booked."""

    def __init__(self) -> None:
        super().__init__(BOOKING, told)

    def on_action(self, state: State, result: ActionResult, call: Any) -> tuple[State, Reply]:
        return replace(state, stalls=state.stalls + 1), self.then(result)


class Booking(World):
    """One call over as many processes as it takes; all of them book in one calendar."""

    def __init__(self, calendar: Calendar) -> None:
        super().__init__(0.0)
        self.calendar = calendar

    def begin(self, tasks: asyncio.TaskGroup, taken: Snapshot | None = None) -> None:
        stage = Stage(TYPING, Booker(), TABLE, actions=self.calendar.actions())
        self.process = Process(stage, self.bucket, self.database, taken)
        self._running = tasks.create_task(self._run(self.process))
        self._serving = tasks.create_task(self.client.attach(self.process))

    async def _run(self, process: Process) -> None:
        with contextlib.suppress(MeshError):  # nobody may say anything for too long
            await process.run()

    def told(self) -> list[str]:
        return [
            o.in_reply_to for o in self.client.heard.values() if isinstance(o, model.AgentBegins) and "is T" in o.text
        ]


async def conversation(calendar: Calendar, steps: list[tuple[str, float]]) -> Booking:
    world = Booking(calendar)
    async with asyncio.TaskGroup() as tasks:
        world.begin(tasks)
        for kind, seconds in steps:
            if kind == "say":
                await world.client.say(model.CallerText("yes"))
            elif kind != "wait":
                await getattr(world, kind)(tasks)
            await asyncio.sleep(seconds)
        said = sum(kind == "say" for kind, _ in steps)
        while len(set(world.told())) < said and not world.client.over.is_set():
            await asyncio.sleep(1)
        await world.client.say(model.EndSession())
        await world.client.over.wait()
    return world


def test_what_was_being_done_is_done_again_with_the_same_key_and_told_once():
    calendar = Calendar(2.0)
    world = run(conversation(calendar, [("wait", 5.0), ("say", 3.0), ("kill", 10.0)]))
    assert calendar.begun == [("book", "s1:c1:book:0")] * 2
    assert calendar.finished == ["book"], "the first was broken off with its process"
    assert len(set(world.told())) == 1


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, delay_s=st.sampled_from([0.0, 0.5, 3.0]))
def test_nothing_is_lost_or_done_under_two_keys(steps: list[tuple[str, float]], delay_s: float):
    calendar = Calendar(delay_s)
    world = run(conversation(calendar, steps))
    done = {key.split(":")[1] for _, key in calendar.begun}
    assert len(world.database.ends) == 1
    assert all(key.endswith(":book:0") for _, key in calendar.begun), "each turn books once, however often it is tried"
    assert set(world.told()) <= done, "nothing is told that was not done"
    assert done <= {o.turn_id for o in world.client.heard.values() if isinstance(o, model.Understood)}
    if world.database.ends == ["caller_hung_up"]:
        assert len(done) == sum(kind == "say" for kind, _ in steps) <= len(calendar.finished), "nothing is lost"
