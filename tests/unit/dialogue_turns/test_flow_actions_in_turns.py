"""A flow that has things done, on virtual time: its steps, the session and the calendar together."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from fakes.clinic_call import INFO, TUESDAY, understood
from fakes.conversation import Stage
from fakes.virtual_time import run
from unit.dialogue_flow.flow_base import BASE
from unit.dialogue_turns.test_actions_in_turns import texts

from services.dialogue import model
from services.dialogue.actions import ActionCatalogue, ActionError, Actions, ActionSpec
from services.dialogue.flow import FlowPolicy, load_text
from services.dialogue.policy import CallInfo

FLOWS = """
  main:
    title: book
    intents: [go]
    disposition: appointment_booked
    steps:
      - ask: day
      - say: One moment.
      - call: look
        with: {day: "{{ day }}"}
        into: {size: size}
        failed:
          - say: I could not look.
          - end: Bye.
      - confirm: "{{ size.spoken }} on {{ day | weekday }}. Yes?"
        slots: [day]
      - say: I book it now.
      - call: book
        with: {day: "{{ day }}", size: "{{ size }}"}
        effect: true
        failed:
          - say: It could not be booked.
          - end: Bye.
      - act: AppointmentRequested
        fields: {date: "{{ day }}", service: "{{ size }}", time: "10:00", time_zone: "{{ time_zone }}"}
      - end: It is booked. Bye.
"""
INFO_TEXT = replace(INFO, domain="test", input_audio=None)
TABLE = {
    heard.text: heard
    for heard in (
        understood("go", "go"),
        understood("Tuesday", "inform", ("date", TUESDAY)),
        understood("yes", "affirm"),
    )
}


def policy() -> FlowPolicy:
    return FlowPolicy([load_text(f"{BASE[: BASE.index('flows:')]}flows:{FLOWS}", "flow.yaml")])


def converse(answers: Mapping[str, Mapping[str, str]], *lines: str) -> tuple[Stage, list[tuple[str, str]]]:
    done: list[tuple[str, str]] = []

    def spec(name: str, *, effect: bool) -> ActionSpec:
        async def act(arguments: Mapping[str, str], call: CallInfo, /) -> Mapping[str, str]:
            await asyncio.sleep(0.5)
            done.append((name, call.action_key))
            if name not in answers:
                raise ActionError("away")
            return answers[name]

        return ActionSpec(name, act, effect=effect)

    actions = Actions(ActionCatalogue([spec("look", effect=False), spec("book", effect=True)]))
    stage = Stage(INFO_TEXT, policy(), TABLE, actions=actions)

    async def script(s: Stage) -> None:
        asked = 0
        for line in lines:
            asked = await _wait_for_turn(s, asked)
            s.client.put_nowait(model.CallerText(line))
        while not [o for o in s.heard if isinstance(o, model.Ended)]:
            asked = await _wait_for_turn(s, asked)

    run(stage.run(script))
    return stage, done


async def _wait_for_turn(stage: Stage, after: int) -> int:
    """Play the agent's turns until it is the caller's."""
    while True:
        ended = [o for o in stage.heard if isinstance(o, model.AgentEnded)]
        for turn in ended[after:]:
            await asyncio.sleep(turn.duration)
            stage.client.put_nowait(model.Playback(turn.turn_id, turn.duration, finished=True))
        await asyncio.sleep(1.5)
        if len(ended) > after or any(isinstance(o, model.Ended) for o in stage.heard):
            return len(ended)


def test_a_flow_looks_up_confirms_and_books():
    stage, done = converse({"look": {"size": "big"}, "book": {}}, "go", "Tuesday", "yes")
    assert texts(stage) == [
        "Which day?",
        "One moment. A big one on Tuesday. Yes?",
        "I book it now.",
        "It is booked. Bye.",
    ]
    assert done == [("look", ""), ("book", "s1:c3:book:0")]
    assert stage.record.events() == ["AppointmentRequested"]
    assert stage.record.log[-1] == ("ended", "appointment_booked")


def test_a_lookup_that_fails_goes_its_own_way():
    stage, done = converse({}, "go", "Tuesday")
    assert texts(stage)[-1] == "One moment. I could not look. Bye."
    assert done == [("look", "")]


def test_an_effect_that_fails_leaves_no_event():
    stage, done = converse({"look": {"size": "big"}}, "go", "Tuesday", "yes")
    assert texts(stage)[-2:] == ["I book it now.", "It could not be booked. Bye."]
    assert stage.record.events() == []
    assert [name for name, _ in done] == ["look", "book"]
