"""`commits` and `next_step` in flow files: noted when the flow is finished, and every mistake named."""

import datetime as dt

import pytest

from services.dialogue.flow import installed_policy
from services.dialogue.flow.load import load_text
from services.dialogue.flow.mistakes import FlowFileError
from services.dialogue.policy import CallInfo, Commitment, Entity, NextStep, State, Understanding

POLICY = installed_policy()
CALL = CallInfo("shop", "en-US", "UTC", dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC))


def play(call: CallInfo, *turns: Understanding) -> State:
    state, _ = POLICY.start(call)
    for turn in turns:
        state, _ = POLICY.respond(state, turn, call)
    return state


def test_a_finished_flow_leaves_its_promises_and_they_survive_storage() -> None:
    number = Entity("order_number", "B7312", "B7312", confidence=0.9)
    state = play(
        CALL,
        Understanding("return B7312", "return_item", 0.95, entities=(number,)),
        Understanding("it is broken", "inform", 0.9),
        Understanding("yes", "affirm", 0.95),
    )
    assert state.dispositions == ("return_requested",)
    assert state.commitments == (Commitment("caller", "send the order back"),)
    assert state.next_step == NextStep("the caller sends the order back", "caller")
    assert State.from_json(state.to_json()) == state


def test_a_flow_that_is_not_finished_promises_nothing() -> None:
    state = play(CALL, Understanding("I want to complain", "file_complaint", 0.95))
    assert state.frames
    assert (state.commitments, state.next_step) == ((), None)


SCRIPT = """domain: d
language: en
version: "1"
description: A test.
phrases: {greeting: Hi., how_can_i_help: What?, anything_else: More?, say_again: Again., options: Choose.,
  or_person: Or a person., no_luck: Sorry., hand_over: Wait., which_detail: Which?, dropped: Dropped.,
  which_one: "{{ choices | either }}?", switch: "{{ task }}?", before_you_go: First., you_are_welcome: Sure.,
  opted_out: Fine., still_there: Hello?, no_answer: Bye., goodbye: Goodbye.}
slots:
  day: {type: date, prompt: "Which day?"}
flows:
  visit:
    intents: [visit]
    steps: [{ask: day}]
"""


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("    commits: {by: agent}", "lacks 'to'"),
        ("    commits: {by: nobody, to: come}", "nobody is called 'nobody'"),
        ("    commits: {to: come, when: '{{ day }}'}", "unknown key 'when'"),
        ("    commits: {to: come, due: soon}", "gives 'soon' and no date"),
        ("    commits: [{to: come}, {to: '{{ hour }}'}]", "uses 'hour'"),
        ("    next_step: {by: caller}", "lacks 'what'"),
        ("    next_step: {what: come, due: '{{ day | day }}'}", "and no date"),
    ],
)
def test_a_mistake_is_named_with_its_line(lines: str, problem: str) -> None:
    with pytest.raises(FlowFileError) as raised:
        load_text(SCRIPT + lines + "\n", "flow.yaml")
    (mistake,) = raised.value.mistakes
    assert problem in str(mistake)
    assert mistake.line == SCRIPT.count("\n") + 1


def test_dates_and_moments_are_due() -> None:
    script = load_text(SCRIPT + "    commits: {to: come, due: '{{ day }}T09:00'}\n", "flow.yaml")
    assert [promise.by for promise in script.flows["visit"].commits] == ["agent"]
