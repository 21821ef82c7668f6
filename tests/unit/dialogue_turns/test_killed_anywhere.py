"""A process may die at any moment of a conversation: another goes on, and nothing is lost or done twice."""

import asyncio
from collections import Counter
from dataclasses import replace

from fakes.clinic_call import INFO, POLICY, TABLE
from fakes.conversation import Stage
from fakes.shared_world import LAG_S, Bucket, Client, Database, Process
from fakes.virtual_time import run
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dialogue import model
from services.dialogue.snapshot import Snapshot

TYPING = replace(INFO, input_audio=None, acknowledges_playback=False)
WORDS = ["all of it", "yes", "What are your hours?", "Sarah Miller", "book", "on Tuesday.", "something else"]
ENDING_S = 2 * LAG_S
"""Between an agent's last word and the call's outcome on disk: what is being written, then what tells of the end."""
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(WORDS), st.floats(0.0, 4.0)),
        st.tuples(st.just("keys"), st.sampled_from(["1#", "2#"]), st.floats(0.0, 2.0)),
        st.tuples(st.just("wait"), st.just(""), st.floats(0.0, 6.0)),
        st.tuples(st.just("kill"), st.just(""), st.floats(0.0, 1.0)),
        st.tuples(st.just("drop"), st.just(""), st.floats(0.0, 1.0)),
    ),
    max_size=12,
)


class World:
    """One call over as many processes as it takes."""

    def __init__(self, delay_s: float) -> None:
        self.bucket, self.database, self.client = Bucket(), Database(), Client()
        self.process: Process
        self._delay_s = delay_s
        self._running: asyncio.Task[None]
        self._serving: asyncio.Task[None]

    def begin(self, tasks: asyncio.TaskGroup, taken: Snapshot | None = None) -> None:
        stage = Stage(TYPING, POLICY, TABLE)
        stage.understander_link.delay_s = self._delay_s
        self.process = Process(stage, self.bucket, self.database, taken)
        self._running = tasks.create_task(self.process.run())
        self._serving = tasks.create_task(self.client.attach(self.process))

    async def kill(self, tasks: asyncio.TaskGroup) -> None:
        if self.client.over.is_set() or self.bucket.stored is None:
            return
        self.process.alive = False
        for task in (self._serving, self._running):
            task.cancel()
        await asyncio.sleep(0)
        taken = Snapshot.from_json(self.bucket.stored.document)
        received = -1 if self.client.received is None else self.client.received
        taken = replace(taken, next_sequence=max(taken.next_sequence, received + 1))
        self.begin(tasks, taken)

    async def drop(self, tasks: asyncio.TaskGroup) -> None:
        self._serving.cancel()
        await asyncio.sleep(0)
        self._serving = tasks.create_task(self.client.attach(self.process))


async def conversation(steps: list[tuple[str, str, float]], delay_s: float) -> World:
    world = World(delay_s)
    async with asyncio.TaskGroup() as tasks:
        world.begin(tasks)
        for kind, words, seconds in steps:
            match kind:
                case "say":
                    await world.client.say(model.CallerText(words))
                case "keys":
                    await world.client.say(model.CallerKeys(words))
                case "kill":
                    await world.kill(tasks)
                case "drop":
                    await world.drop(tasks)
            await asyncio.sleep(seconds)
            if world.client.over.is_set():
                break
        await world.client.say(model.EndSession())
        await world.client.over.wait()
    return world


def ended_by_client(world: World) -> bool:
    """Whether the client ended the call: then all it said came before."""
    return world.database.ends == ["caller_hung_up"]


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, delay_s=st.sampled_from([0.0, 0.3, 2.0]))
def test_a_conversation_survives_its_processes(steps: list[tuple[str, str, float]], delay_s: float):
    world = run(conversation(steps, delay_s))
    words = [
        (item.text if isinstance(item, model.CallerText) else item.keys.rstrip("#"), at)
        for item, at in zip(world.client.sent, world.client.sent_at, strict=True)
        if not isinstance(item, model.EndSession)
    ]
    said = Counter(text for text, _ in words)
    # What was said while the agent was ending the call may have come too late: the end waits for the disk.
    ending = world.database.ended_at - ENDING_S
    in_time = said if ended_by_client(world) else Counter(text for text, at in words if at < ending)
    recorded = Counter(text for speaker, text in world.database.turns.values() if speaker == "caller")
    assert in_time <= recorded <= said, "what was said is on record, once"
    assert len(world.database.ends) == 1, "the call has one outcome"
    booked = [event for event in world.database.outcomes.values() if event == "AppointmentRequested"]
    assert len(booked) <= said["yes"] + said["1"], "nothing is booked twice"
    finals = {o.turn_id: o.heard.text for o in world.client.heard.values() if isinstance(o, model.Transcribed)}
    assert Counter(finals.values()) == recorded, "the client has every turn's words"
