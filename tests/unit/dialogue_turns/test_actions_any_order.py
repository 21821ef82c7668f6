"""Whatever happens in whatever order, an effect is done once, after words that were heard, or not at all."""

import asyncio
import contextlib
from collections import Counter

from fakes.clinic_call import INFO, TABLE
from fakes.conversation import Stage
from fakes.virtual_time import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.dialogue_turns.test_actions_in_turns import BOOKING, FREE, Calendar, Scripted, told
from unit.dialogue_turns.test_any_order import STEPS, Caller, exactly_one_outcome, one_agent_turn_at_a_time

from mesh.errors import MeshError
from services.dialogue import model
from services.dialogue.policy import ActionResult, Reply


class Clerk(Scripted):
    """Looks up, says so, books, says so."""

    def __init__(self) -> None:
        super().__init__(Reply(("Let me see.",), action=FREE), self._then)

    def _then(self, result: ActionResult) -> Reply:
        return BOOKING if len(self.results) % 2 else told(result)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, max_size=12), delay_s=st.sampled_from([0.0, 0.4, 2.0]))
def test_effects_follow_words_that_were_heard(steps: list[tuple[str, str, float]], delay_s: float):
    calendar = Calendar(delay_s)
    finished: set[str] = set()

    async def script(stage: Stage) -> None:
        caller = Caller(stage)
        caller.finished = finished
        for step in steps:
            await caller.does(*step)
        stage.client.put_nowait(model.EndSession())
        await asyncio.sleep(3600)

    async def conversation() -> Stage:
        stage = Stage(INFO, Clerk(), TABLE, actions=calendar.actions())
        with contextlib.suppress(MeshError):
            await stage.run(script)
        return stage

    stage = run(conversation())
    one_agent_turn_at_a_time([o for o in stage.heard if not _grows(stage, o)])
    exactly_one_outcome(stage)
    begins = [o for o in stage.heard if isinstance(o, model.AgentBegins)]
    heard = {o.in_reply_to for o in begins if "book Tuesday" in o.text and o.turn_id in finished}
    keys = Counter(key.split(":")[1] for name, key in calendar.begun if name == "book")
    assert set(keys) <= heard, "nothing is done for a turn that was not heard to its end"
    assert all(count == 1 for count in keys.values()), "nothing is done twice"
    assert calendar.finished.count("book") == sum(keys.values()), "what was begun is done to its end"


def _grows(stage: Stage, output: object) -> bool:
    """Whether it only tells more of a turn that began before."""
    if not isinstance(output, model.AgentBegins):
        return False
    first = next(o for o in stage.heard if isinstance(o, model.AgentBegins) and o.turn_id == output.turn_id)
    return first is not output
