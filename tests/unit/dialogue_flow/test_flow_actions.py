"""Steps that have an action done: what is asked for, what its result becomes, and what happens when it fails."""

import pytest
from unit.dialogue_flow.flow_base import BASE
from unit.dialogue_flow.flow_harness import call_of, understood

from services.dialogue.flow import FlowPolicy, load_text
from services.dialogue.policy import Action, ActionResult, Reply, State

HEAD = BASE[: BASE.index("flows:\n")].replace(
    "  note:\n",
    "  fee:\n    type: money\n  note:\n",
)
LOOKUP = """
  go:
    intents: [go]
    steps:
      - ask: day
      - say: One moment.
      - call: look
        with: {date: "{{ day }}", zone: "{{ time_zone }}"}
        timeout: 3
        filler: Still looking.
        into: {fee: price}
        failed:
          - say: I could not look.
          - goto: without
      - confirm: "It costs {{ fee.spoken }} on {{ day | weekday }}. Yes?"
        slots: [day]
      - say: Good.
  without:
    steps:
      - say: Without a price.
"""


def started(flows: str, *lines: str, head: str = HEAD) -> tuple[FlowPolicy, State, Reply]:
    policy = FlowPolicy([load_text(f"{head}flows:\n{flows}", "flow.yaml")])
    state, reply = policy.start(call_of("test"))
    for line in lines:
        state, reply = policy.respond(State.from_json(state.to_json()), understood(line), call_of("test"))
    return policy, state, reply


def finished(policy: FlowPolicy, state: State, result: ActionResult) -> tuple[State, Reply]:
    """The result taken twice, once by a state that was stored in between."""
    before = state.to_json()
    first = policy.on_action(state, result, call_of("test"))
    assert policy.on_action(State.from_json(before), result, call_of("test")) == first
    assert state.to_json() == before
    return first


def test_a_flow_asks_for_an_action_and_goes_on_with_its_result() -> None:
    policy, state, reply = started(LOOKUP, "go date=2026-11-24")
    assert reply.sentences == ("One moment.",)
    assert reply.action == Action(
        "look", {"date": "2026-11-24", "zone": "America/New_York"}, timeout=3.0, filler="Still looking."
    )
    state, reply = finished(policy, state, ActionResult({"price": "49.90 USD", "more": "unused"}))
    assert reply.action is None
    assert reply.text == "It costs 49 dollars and 90 cents on Tuesday. Yes?"
    state, reply = policy.respond(state, understood("affirm"), call_of("test"))
    assert reply.text == "Good. What else?"


@pytest.mark.parametrize(
    "result",
    [
        ActionResult(error="too late"),
        ActionResult({"price": "49.90 USD"}, error="both"),
        ActionResult({}),
        ActionResult({"price": "cheap"}),
    ],
    ids=["error", "error and values", "no such field", "another type"],
)
def test_a_failed_action_goes_its_own_way(result: ActionResult) -> None:
    policy, state, _ = started(LOOKUP, "go date=2026-11-24")
    state, reply = finished(policy, state, result)
    assert reply.text == "I could not look. Without a price. What else?"
    assert state.slot("fee") is None


def test_without_a_way_of_its_own_a_person_takes_over() -> None:
    policy, state, _ = started("  go:\n    intents: [go]\n    steps: [{call: look}, {say: Good.}]\n", "go")
    state, reply = finished(policy, state, ActionResult(error="gone"))
    assert reply.text == "No luck."
    assert reply.hand_over
    assert reply.outcomes[0].fields == {"reason": "action_failed"}


def test_a_corrected_value_is_looked_up_again() -> None:
    policy, state, _ = started(LOOKUP, "go date=2026-11-24")
    state, _ = finished(policy, state, ActionResult({"price": "49.90 USD"}))
    state, reply = policy.respond(state, understood("correct date=2026-11-26 | No, Thursday."), call_of("test"))
    assert reply.action is not None
    assert reply.action.arguments["date"] == "2026-11-26"
    assert state.slot("fee") is None
    state, reply = finished(policy, state, ActionResult({"price": "60 USD"}))
    assert reply.text == "It costs 60 dollars on Thursday. Yes?"


def test_a_value_corrected_while_the_action_runs_is_looked_up_instead() -> None:
    _, _, reply = started(LOOKUP, "go date=2026-11-24", "correct date=2026-11-26 | No, Thursday.")
    assert reply.action is not None
    assert reply.action.arguments["date"] == "2026-11-26"


CHANGE = """
  go:
    intents: [go]
    disposition: no_action
    steps:
      - ask: day
      - call: move
        with: {date: "{{ day }}"}
        effect: true
        into: {fee: price}
      - ask: note
      - say: Done.
"""


def test_what_changes_something_is_not_done_twice() -> None:
    policy, state, reply = started(CHANGE, "go date=2026-11-24")
    assert reply.action is not None
    assert reply.action.effect
    assert state.frames[0].acted
    state, _ = finished(policy, state, ActionResult({"price": "1 USD"}))
    state, reply = policy.respond(state, understood("correct date=2026-11-26 | No, Thursday."), call_of("test"))
    assert reply.action is None
    other = FlowPolicy([load_text(f"{HEAD}flows:\n{CHANGE}".replace("Done.", "So."), "flow.yaml")])
    _, reply = other.respond(state, understood("help"), call_of("test"))
    assert reply.action is None  # a flow that was changed meanwhile begins nothing anew that has acted


def test_a_result_that_nobody_waits_for_changes_nothing() -> None:
    policy, state, _ = started(LOOKUP, "go")
    state, reply = finished(policy, state, ActionResult({"price": "1 USD"}))
    assert reply.text == "Which day?"
    assert state.slot("fee") is None
    state, _ = policy.respond(state, understood("goodbye"), call_of("test"))
    _, reply = finished(policy, state, ActionResult({"price": "1 USD"}))
    assert (reply.sentences, reply.end) == ((), True)


VARIABLES = """\
variables:
  tries: {type: number, initial: 0}
  late: boolean
  price: {type: money, initial: 10 USD}
  when: date
  label: text
"""
COUNTING = """
  go:
    intents: [go]
    steps:
      - set:
          tries: tries + 1
          late: tries > 1
          when: today
          label: "'try ' ~ tries"
      - call: look
        into: {price: price}
        failed:
          - hand_over: broken
      - branch:
          - if: late
            then: [{say: "{{ label }} on {{ when | weekday }} for {{ price.spoken }}, late."}]
          - else: [{say: "{{ label }} for {{ price }}."}]
"""


def test_variables_keep_their_type() -> None:
    policy, state, _ = started(COUNTING, "go", head=VARIABLES + HEAD)
    state, reply = finished(policy, state, ActionResult({"price": "5.50 USD"}))
    assert reply.text == "Try 1 for 5.50 USD. What else?"
    state, _ = policy.respond(state, understood("go"), call_of("test"))
    state, reply = finished(policy, state, ActionResult({"price": "7 USD"}))
    assert reply.text == "Try 2 on Friday for 7 dollars, late. What else?"


def test_variables_stay_inside() -> None:
    policy, state, _ = started(COUNTING, "go", head=VARIABLES + HEAD)
    _, reply = finished(policy, state, ActionResult({"price": "five"}))
    assert reply.outcomes[0].fields == {"reason": "broken"}
    assert reply.outcomes[0].slots == ()


@pytest.mark.parametrize(
    ("old", "new", "problem", "remedy"),
    [
        (
            "tries: tries + 1",
            "tries: today",
            r"variable 'tries' is a number, and 'today' gives '2026-11-20'",
            "for example 3",
        ),
        ("late: tries > 1", "late: tries", r"'late' is a boolean, and 'tries' gives 0", "true"),
        ("when: today", "when: now", r"'when' is a date, and 'now' gives '09:00'", "2026-11-24"),
        ("tries: tries + 1", "trise: 1", r"unknown variable 'trise'", "Did you mean 'tries'?"),
        ("tries: tries + 1", "tries: tries +", r"no valid template", "brackets"),
        ("tries: tries + 1", "tries: later + 1", r"uses 'later'", "Declare it under 'slots' or 'variables'"),
        ("when: today", "day: today", r"'day' is a slot", "Declare a variable"),
        ("{price: price}", "{prize: price}", r"unknown slot or variable 'prize'", "'price'"),
        ("late: boolean", "late: bool", r"unknown variable type 'bool'", "'boolean'"),
        ("initial: 0", "initial: none", r"is a number, and its initial value is 'none'", "for example 3"),
        ("  late: boolean", "  day: boolean", r"variable 'day' is no name of its own", "no slot's name"),
    ],
)
def test_mistyped_variables_are_found_when_the_file_is_read(old: str, new: str, problem: str, remedy: str) -> None:
    text = f"{VARIABLES}{HEAD}flows:\n{COUNTING}"
    assert text.count(old) == 1
    with pytest.raises(ValueError, match=problem) as caught:
        load_text(text.replace(old, new), "flow.yaml")
    line = text[: text.index(old)].count("\n") + 1
    assert f"flow.yaml:{line}:" in str(caught.value)
    assert remedy in str(caught.value)
