"""Several intents in one sentence."""

import pytest
from unit.dialogue_flow.flow_base import BASE
from unit.dialogue_flow.flow_harness import Player, call_of

from services.dialogue.flow import FlowPolicy, load_text

FLOWS = """flows:
  main:
    intents: [go]
    steps:
      - ask: day
      - confirm: "On {{ day | weekday }}?"
        slots: [day]
      - say: Done.
  tell:
    intents: [tell]
    steps:
      - ask: note
      - say: Noted.
  price:
    intents: [price]
    kind: information
    steps:
      - ask: size
      - say: "{{ size.spoken }} costs much."
  hours:
    intents: [hours]
    kind: information
    steps:
      - say: At ten.
  fire:
    intents: [fire]
    urgent: 1
    steps:
      - hand_over: fire
        say: Leave.
"""
POLICY = FlowPolicy([load_text(BASE[: BASE.index("flows:\n")] + FLOWS, "flow.yaml")])


def said(*lines: str) -> list[str]:
    player = Player(POLICY, call_of("test"))
    return [player.say(line).text for line in lines]


@pytest.mark.parametrize(
    ("lines", "replies"),
    [
        (["go +hours | Go, and when are you open?"], ["At ten. Which day?"]),
        (["go date=2026-11-24 +hours | Go on Tuesday, and when?"], ["At ten. On Tuesday?"]),
        (["hours +price size=big | When, and how much?"], ["At ten. A big one costs much. What else?"]),
        (["go size=big +price | Go big, and how much is it?"], ["A big one costs much. Which day?"]),
        (["price +go size=big | How much is it, going big?"], ["A big one costs much. Which day?"]),
        (["go +price | Go, and how much?", "inform size=big"], ["What size?", "A big one costs much. Which day?"]),
        (["go date=2026-11-24", "affirm +hours | Yes, and when?"], ["On Tuesday?", "Done. At ten. What else?"]),
        (["go +hours@0.4 | Go."], ["Which day?"]),
        (["go@0.4 +hours | Go, and when?"], ["At ten. What else?"]),
        (["- +hours | Blah, and when?"], ["At ten. What else?"]),
        (["go +unheard | Go."], ["Which day?"]),
        (["go +go | Go, go."], ["Which day?"]),
    ],
)
def test_questions_are_answered_along(lines: list[str], replies: list[str]) -> None:
    assert said(*lines) == replies


def test_a_second_task_waits_for_its_turn() -> None:
    assert said(
        "go date=2026-11-24 +tell | Go on Tuesday, and I have to tell you something.", "affirm", "inform | So."
    ) == [
        "On Tuesday?",
        "Done. Say it.",
        "Noted. What else?",
    ]


def test_a_task_that_waits_keeps_its_values() -> None:
    assert said(
        "tell +go date=2026-11-24 | Note this, and go on Tuesday.", "inform | So it is.", "affirm date=2026-11-26"
    ) == [
        "Say it.",
        "Noted. On Tuesday?",
        "On Thursday?",
    ]


def test_a_yes_goes_before_a_new_task() -> None:
    assert said("go date=2026-11-24", "affirm +tell | Yes, and note this.", "inform | So it is.") == [
        "On Tuesday?",
        "Done. Say it.",
        "Noted. What else?",
    ]


def test_each_part_keeps_its_own_values() -> None:
    assert said("price size=big +go date=2026-11-24 | How much is a big one, and go on Tuesday.") == [
        "A big one costs much. On Tuesday?"
    ]


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("go +fire | Go, no, there is a fire!", "Leave."),
        ("human +fire | A person, there is a fire!", "Leave."),
        ("opt_out +human | Stop calling, give me a person.", "A person comes."),
        ("go date=2026-11-24 +opt_out | Go on Tuesday, and never call again.", "Never again. On Tuesday?"),
    ],
)
def test_what_is_pressing_comes_first(line: str, reply: str) -> None:
    assert said(line) == [reply]


def test_a_description_is_one_answer() -> None:
    assert said("tell", "tell +hours | It broke, and when you were open it was late.") == [
        "Say it.",
        "Noted. What else?",
    ]
    assert said("tell", "tell +fire | It broke, and there is a fire.") == ["Say it.", "Leave."]


def test_wishes_survive_a_change_of_the_flow_file() -> None:
    player = Player(POLICY, call_of("test"))
    player.say("go date=2026-11-24 +tell | Go on Tuesday, and note this.")
    text = (BASE[: BASE.index("flows:\n")] + FLOWS).replace("intents: [tell]", "intents: [note]")
    player.policy = FlowPolicy([load_text(text, "flow.yaml")])
    assert player.say("affirm").text == "Again? On Tuesday?"
    assert player.say("affirm").text == "Done. What else?"
