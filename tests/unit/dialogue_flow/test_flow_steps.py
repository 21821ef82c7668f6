"""The steps a flow is made of, each in a flow file of a few lines."""

import pytest
from unit.dialogue_flow.flow_base import BASE
from unit.dialogue_flow.flow_harness import call_of, understood

from services.dialogue.flow import FlowPolicy, load_text
from services.dialogue.policy import Reply, State

HEAD = BASE[: BASE.index("flows:\n")]


def policy_with(flows: str, head: str = HEAD) -> FlowPolicy:
    return FlowPolicy([load_text(f"{head}flows:\n{flows}", "flow.yaml")])


def converse(policy: FlowPolicy, *lines: str, options: str = "") -> tuple[State, list[Reply]]:
    call = call_of("test", options)
    state, reply = policy.start(call)
    replies = [reply]
    for line in lines:
        state, reply = policy.respond(state, understood(line), call)
        replies.append(reply)
    return state, replies


def texts(policy: FlowPolicy, *lines: str, options: str = "") -> list[str]:
    return [reply.text for reply in converse(policy, *lines, options=options)[1][1:]]


BRANCHES = """
  go:
    intents: [go]
    collects: [day, size]
    steps:
      - branch:
          - if: size is defined and size == "big"
            then:
              - branch:
                  - if: day is defined
                    then: [{say: "Big on {{ day | weekday }}."}]
                  - else: [{say: Big.}]
          - if: size is defined
            then: [{say: "{{ size.spoken }}."}]
      - say: Done.
"""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("go size=big date=2026-11-24", "Big on Tuesday. Done. What else?"),
        ("go size=big", "Big. Done. What else?"),
        ("go size=small", "A small one. Done. What else?"),
        ("go", "Done. What else?"),
        ("go size=huge", "Done. What else?"),  # no value of the slot
    ],
)
def test_a_branch_goes_the_first_way_that_holds(said: str, expected: str) -> None:
    assert texts(policy_with(BRANCHES), said) == [expected]


CALLS = """
  go:
    intents: [go]
    steps:
      - say: Before.
      - run: inner
      - say: "After {{ size }}."
      - goto: last
  inner:
    steps:
      - ask: size
  last:
    steps:
      - say: "Last, {{ size.spoken }}."
      - confirm: "{{ size.spoken }}?"
        slots: [size]
"""


def test_a_called_flow_comes_back_and_goto_does_not() -> None:
    with pytest.raises(ValueError, match="'size' is undefined"):
        policy_with(CALLS)  # what a called flow fills is not relied upon
    safe = CALLS.replace("After {{ size }}.", "After.").replace("Last, {{ size.spoken }}.", "Last.")
    assert texts(policy_with(safe), "go", "inform size=small", "affirm") == [
        "Before. What size?",
        "After. Last. A small one?",
        "What else?",
    ]


def test_a_called_flow_knows_what_all_its_callers_know() -> None:
    flows = """
  one:
    intents: [one]
    steps: [{ask: day}, {run: tell}]
  two:
    intents: [two]
    steps: [{ask: size}, {ask: day}, {run: tell}]
  tell:
    steps: [{say: "{{ day | weekday }}."}]
"""
    assert texts(policy_with(flows), "one date=2026-11-24", "two size=big date=2026-11-25") == [
        "Tuesday. What else?",
        "Wednesday. What else?",
    ]
    with pytest.raises(ValueError, match="'day' is undefined"):
        policy_with(flows.replace("{ask: size}, {ask: day}", "{ask: size}"))


def test_an_optional_question_may_stay_unanswered() -> None:
    flows = """
  go:
    intents: [go]
    steps:
      - ask: note
        optional: true
      - say: "{{ note | default('Nothing') }} was said."
"""
    assert texts(policy_with(flows), "go", "deny | No.") == ["Say it.", "Nothing was said. What else?"]
    assert texts(policy_with(flows), "go", "unsure | I don't know.") == ["Say it.", "Nothing was said. What else?"]
    assert texts(policy_with(flows), "go", "- | all is well") == ["Say it.", "All is well was said. What else?"]


def test_a_flow_ends_the_call() -> None:
    flows = """
  go:
    intents: [go]
    disposition: information_given
    summary: It was told.
    steps:
      - say: So.
        uninterruptible: true
      - end: That is all.
"""
    state, replies = converse(policy_with(flows), "go")
    assert replies[-1].text == "So. That is all."
    assert replies[-1].uninterruptible
    assert (replies[-1].end, replies[-1].disposition) == (True, "information_given")
    assert state.served == ("go",)
    assert state.summary == ("It was told.",)


def test_a_flow_hands_over() -> None:
    flows = """
  go:
    intents: [go]
    steps:
      - hand_over: emergency
        say: Hold the line.
  other:
    intents: [other]
    steps: [{hand_over: difficult}]
"""
    _, replies = converse(policy_with(flows), "go")
    assert replies[-1].text == "Hold the line."
    assert replies[-1].hand_over
    assert replies[-1].end
    assert replies[-1].disposition == "handed_over"
    assert replies[-1].outcomes[0].fields == {"reason": "emergency"}
    assert texts(policy_with(flows), "other") == ["A person comes."]


def test_a_slot_taken_back_is_asked_again_before_it_is_needed() -> None:
    flows = """
  go:
    intents: [go]
    steps:
      - ask: size
      - ask: day
        prompt: "{{ size.spoken }} for which day?"
      - say: "{{ size.spoken }} on {{ day | weekday }}."
  aside:
    intents: [aside]
    kind: information
    steps: [{say: Aside.}]
"""
    head = HEAD.replace("    type: size\n", "    type: size\n    called: [size]\n")
    assert texts(
        policy_with(flows, head),
        "go size=big",
        "correct | The size is wrong.",
        "aside | By the way?",
        "inform size=small",
        "inform date=2026-11-24",
    ) == [
        "A big one for which day?",
        "What size?",
        "Aside. What size?",
        "A small one for which day?",
        "A small one on Tuesday. What else?",
    ]


def test_wordings_take_turns() -> None:
    flows = """
  go:
    intents: [go]
    steps: [{say: [One., Two., Three.]}]
"""
    said = texts(policy_with(flows), *["go"] * 4)
    assert [text.split()[0] for text in said] == ["One.", "Two.", "Three.", "One."]


def test_what_callers_say_is_no_template() -> None:
    flows = """
  go:
    intents: [go]
    steps: [{ask: note}, {say: "You said: {{ note }}"}]
"""
    hostile = "{{ 7 * 7 }} {% for x in range(9) %} <b>O'Brien</b>"
    assert texts(policy_with(flows), "go", f"- | {hostile}") == ["Say it.", f"You said: {hostile} What else?"]


def test_settings_change_the_limits() -> None:
    flows = """
  go:
    intents: [go]
    steps: [{ask: day}]
"""
    head = HEAD.replace(
        "data:\n",
        "settings: {min_confidence: 0.4, min_entity_confidence: 0.9, max_attempts: 2, opt_out_channel: all}\ndata:\n",
    )
    policy = policy_with(flows, head)
    _, replies = converse(policy, "go@0.45", "opt_out", "inform date=2026-11-24@0.8", "inform date=2026-11-24@0.8")
    assert [reply.text for reply in replies[1:]] == [
        "Which day?",
        "Never again. Which day?",
        "Again? Which day?",
        "No luck.",
    ]
    assert replies[2].outcomes[0].fields == {"channel": ""}


def test_sentences_are_split_for_the_synthesiser() -> None:
    flows = """
  go:
    intents: [go]
    steps: [{say: "so it is. Dr. Miller sees you at 3.30! is J. Lee coming? yes"}]
"""
    _, replies = converse(policy_with(flows), "go")
    assert replies[-1].sentences == (
        "So it is.",
        "Dr. Miller sees you at 3.30!",
        "Is J. Lee coming?",
        "Yes",
        "What else?",
    )
