"""What is urgent interrupts everything that is less so, at once."""

import pytest
from unit.dialogue_flow.flow_base import BASE
from unit.dialogue_flow.flow_harness import call_of, understood

from services.dialogue.flow import FlowPolicy, load_text
from services.dialogue.policy import Reply, State

FLOWS = """flows:
  main:
    intents: [go]
    steps:
      - ask: note
      - ask: day
      - confirm: "{{ note }} on {{ day | weekday }}?"
        slots: [day]
      - say: Done.
  fire:
    intents: [fire]
    urgent: 9
    steps:
      - say: Leave the house.
        uninterruptible: true
      - hand_over: fire
        say: Help comes.
  leak:
    intents: [leak]
    urgent: 2
    steps:
      - ask: size
      - say: Close the tap.
  other:
    intents: [other]
    steps:
      - say: Other.
"""
HEAD = BASE[: BASE.index("flows:\n")]


@pytest.fixture(scope="module")
def policy() -> FlowPolicy:
    return FlowPolicy([load_text(HEAD + FLOWS, "flow.yaml")])


def converse(policy: FlowPolicy, *lines: str) -> tuple[State, list[Reply]]:
    state, reply = policy.start(call_of("test"))
    replies = [reply]
    for line in lines:
        state, reply = policy.respond(state, understood(line), call_of("test"))
        replies.append(reply)
    return state, replies


@pytest.mark.parametrize(
    "before",
    [
        (),
        ("go",),
        ("go", "inform | All is well."),
        ("go", "inform | All is well.", "inform date=2026-11-24"),
        ("go", "inform | All is well.", "inform date=2026-11-24", "deny"),
        ("go", "inform | All is well.", "other"),
        ("leak",),
    ],
    ids=["nothing", "a free answer", "a question", "a summary", "a detail", "an offer", "something less urgent"],
)
def test_an_emergency_interrupts(policy: FlowPolicy, before: tuple[str, ...]) -> None:
    _, replies = converse(policy, *before, "fire@0.65 | there is a fire in my kitchen now")
    assert replies[-1].text == "Leave the house. Help comes."
    assert replies[-1].uninterruptible
    assert replies[-1].hand_over
    assert replies[-1].outcomes[0].fields == {"reason": "fire"}


def test_what_was_interrupted_goes_on(policy: FlowPolicy) -> None:
    _, replies = converse(policy, "go", "inform | All is well.", "leak", "inform size=big", "inform date=2026-11-24")
    assert [reply.text for reply in replies[-3:]] == [
        "What size?",
        "Close the tap. Which day?",
        "All is well. On Tuesday?",
    ]


def test_what_is_less_urgent_waits(policy: FlowPolicy) -> None:
    state, replies = converse(policy, "leak size=big", "leak", "go")
    assert replies[2].text == "What size?"
    assert replies[3].text == "Say it."  # nothing would be lost: it is begun instead
    state, replies = converse(policy, "leak", "leak")
    assert len(state.frames) == 1
    assert replies[-1].text == "What size?"


def test_it_must_be_understood_well_enough(policy: FlowPolicy) -> None:
    _, replies = converse(policy, "go", "fire@0.5 | there is a fire in my kitchen now")
    assert replies[-1].text == "Which day?"  # the free answer


@pytest.mark.parametrize(
    ("new", "problem"),
    [("urgent: 10", "is 10"), ("urgent: very", "must be a number")],
)
def test_urgency_has_limits(new: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        load_text(HEAD + FLOWS.replace("urgent: 9", new), "flow.yaml")


def test_an_urgent_flow_must_be_started_by_something() -> None:
    with pytest.raises(ValueError, match="an urgent flow without 'intents' is never started"):
        load_text(HEAD + FLOWS.replace("    intents: [fire]\n", ""), "flow.yaml")
