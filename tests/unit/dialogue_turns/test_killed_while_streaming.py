"""A process may die while a model still finds words: what was said stays said, and the call goes on elsewhere."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from fakes.clinic_call import TABLE
from fakes.conversation import Stage
from fakes.shared_world import Process
from fakes.virtual_time import run
from unit.dialogue_turns.test_killed_anywhere import TYPING, World
from unit.dialogue_turns.test_streamed_answers import SLOW, ScriptedModel, policy, said

from services.dialogue import model
from services.dialogue.llm.model import Finished, Words
from services.dialogue.snapshot import Snapshot


class Streaming(World):
    """One call over as many processes as it takes, all of them with one model."""

    def __init__(self, chat: ScriptedModel) -> None:
        super().__init__(0.0)
        self.chat = chat

    def begin(self, tasks: asyncio.TaskGroup, taken: Snapshot | None = None) -> None:
        stage = Stage(TYPING, policy(self.chat), TABLE)
        self.process = Process(stage, self.bucket, self.database, taken)
        self._running = tasks.create_task(self.process.run())
        self._serving = tasks.create_task(self.client.attach(self.process))


def test_an_answer_that_a_process_left_half_found_ends_where_it_was():
    chat = ScriptedModel(SLOW, (Words("At ten."), Finished()))

    async def conversation() -> Streaming:
        world = Streaming(chat)
        async with asyncio.TaskGroup() as tasks:
            world.begin(tasks)
            await _after(6.0, world.client.say(model.CallerText("Does it hurt?")))
            await asyncio.sleep(1.0)
            await world.kill(tasks)
            await _after(6.0, world.client.say(model.CallerText("When?")))
            await _after(6.0, world.client.say(model.EndSession()))
            await world.client.over.wait()
        return world

    world = run(conversation())
    assert said(chat)[1:] == [("user", "Does it hurt?"), ("assistant", "It does not hurt."), ("user", "When?")]
    told = [o.text for o in world.client.heard.values() if isinstance(o, model.AgentBegins)]
    assert told[1:] == ["It does not hurt.", "It does not hurt.", "At ten."], "the client knows a turn by its id"
    assert len(world.database.ends) == 1
    assert [text for speaker, text in world.database.turns.values() if speaker == "agent"][1:] == [
        "It does not hurt.",
        "At ten.",
    ]


async def _after(seconds: float, then: Coroutine[Any, Any, None]) -> None:
    await asyncio.sleep(seconds)
    await then
