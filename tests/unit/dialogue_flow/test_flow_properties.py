"""Whatever callers say, in whatever order: nothing raises, every call ends, states survive storage."""

import datetime as dt

from hypothesis import given, settings
from hypothesis import strategies as st
from unit.dialogue_flow.flow_base import BASE
from unit.dialogue_flow.flow_harness import call_of

from services.dialogue.flow import FlowPolicy, installed_policy, load_text
from services.dialogue.policy import ActionResult, Entity, FurtherIntent, State, Understanding

POLICY = installed_policy()
MAX_TURNS = 100
UNIVERSAL = (
    "greet", "affirm", "deny", "correct", "help", "repeat", "human", "goodbye", "thank", "opt_out", "inform",
)  # fmt: skip
INTENTS = {
    "clinic": ("book_appointment", "reschedule_appointment", "cancel_appointment", "opening_hours", "ask_price",
               "location"),
    "shop": ("order_status", "file_complaint", "return_item", "delivery_time", "opening_hours"),
}  # fmt: skip
VALUES = {
    "date": ("2026-11-24", "2026-11-26", "2026-11-22", "2026-01-01", "9999-12-31", "20261124", "soon", ""),
    "time": ("10:00", "15:30", "17:00", "02:00", "23:59", "24:00", "ten", "10:00:30"),
    "service": ("cleaning", "root_canal", "haircut"),
    "person_name": ("Sarah Miller", "Ann", "{{ 7 * 7 }}", "O'Brien & <b>", " "),
    "order_number": ("A4512", "B77", "-", "x" * 600),
    "issue_category": ("damaged_item", "billing", "nonsense"),
    "phone": ("+15550123456", "12"),
    "money": ("49.90 USD", "NaN USD", "lots"),
    "unheard_of": ("value",),
}
confidences = st.none() | st.sampled_from([0.0, 0.3, 0.5, 0.6, 0.79, 0.8, 1.0])
entities = st.sampled_from(sorted(VALUES)).flatmap(
    lambda kind: st.builds(
        Entity,
        type=st.just(kind),
        value=st.sampled_from(VALUES[kind]),
        raw=st.sampled_from(["", "words"]),
        start_char=st.integers(0, 30),
        confidence=confidences,
        alternatives=st.lists(st.sampled_from(VALUES[kind]), max_size=2).map(tuple),
    )
)
TEXTS = ("", "no", "the day is wrong", "not Tuesday but Thursday", "in the morning", "it is broken and I am sad")


def understandings(domain: str) -> st.SearchStrategy[Understanding]:
    return st.builds(
        Understanding,
        text=st.sampled_from(TEXTS) | st.text(max_size=20),
        # "goodbye", "human" end calls at once: rarer, or most calls would be over after a few turns.
        intent=st.sampled_from([*UNIVERSAL, *INTENTS[domain] * 2, "", "unheard_of"]),
        confidence=confidences,
        out_of_scope=st.sampled_from([False, False, False, True]),
        entities=st.lists(entities, max_size=4).map(tuple),
        further=st.just(()) | st.lists(furthers(domain), max_size=2).map(tuple),
    )


def furthers(domain: str) -> st.SearchStrategy[FurtherIntent]:
    return st.builds(
        FurtherIntent,
        intent=st.sampled_from([*UNIVERSAL, *INTENTS[domain] * 3, "emergency", "unheard_of"]),
        confidence=confidences,
        entities=st.lists(entities, max_size=2).map(tuple),
    )


turns = st.sampled_from(sorted(INTENTS)).flatmap(
    lambda domain: st.tuples(st.just(domain), st.lists(understandings(domain) | st.none(), max_size=25))
)
OPTIONS = ("", "contact='Sarah Miller'", "direction=outbound", "item=order:A4512:open")


def check_well_formed(state: State) -> None:
    assert State.from_json(state.to_json()) == state
    assert state.ended == bool(state.disposition)
    names = [slot.name for slot in state.slots]
    assert len(names) == len(set(names))
    assert len(state.frames) <= 4
    assert len(state.summary) <= 2


@settings(max_examples=150, deadline=None)
@given(said=turns, options=st.sampled_from(OPTIONS))
def test_any_conversation_is_answered(said: tuple[str, list[Understanding | None]], options: str) -> None:
    domain, heard = said
    call = call_of(domain, options)
    state, reply = POLICY.start(call)
    silences = 0
    for turn in heard:
        before = state.to_json()
        if turn is None:
            silences += 1
            state, reply = POLICY.on_silence(state, silences)
        else:
            silences = 0
            first = POLICY.respond(state, turn, call)
            assert POLICY.respond(State.from_json(before), turn, call) == first
            assert state.to_json() == before
            state, reply = first
        check_well_formed(state)
        assert reply.end == state.ended
        assert reply.end == bool(reply.disposition)
        assert POLICY.summarise(state, POLICY.abandon(state))
        if reply.end:
            assert POLICY.respond(state, Understanding("hello", "greet", 1.0), call)[1].sentences == ()
            break
        assert reply.text.strip()
        assert reply.expectation.intents


@settings(max_examples=15, deadline=None)
@given(data=st.data(), domain=st.sampled_from(sorted(INTENTS)))
def test_every_conversation_ends(data: st.DataObject, domain: str) -> None:
    """A caller who never says goodbye, never asks for a person, and always says something sensible."""
    call = call_of(domain)
    few = data.draw(st.lists(understandings(domain), min_size=1, max_size=4))
    state, reply = POLICY.start(call)
    for turn in range(MAX_TURNS + 1):
        if reply.end:
            return
        state, reply = POLICY.respond(state, few[turn % len(few)], call)
    assert reply.end


def test_a_tireless_talker_reaches_a_person(policy: FlowPolicy) -> None:
    call = call_of("clinic")
    state, reply = policy.start(call)
    book = Understanding(
        "a cleaning", "book_appointment", 0.9, entities=(Entity("date", "2026-11-24"), Entity("time", "10:00"))
    )
    days = [dt.date(2026, 11, day).isoformat() for day in (24, 25, 26)]
    state, reply = policy.respond(state, book, call)
    for turn in range(MAX_TURNS + 1):
        if reply.end:
            break
        other = Understanding("no", "correct", 0.9, entities=(Entity("date", days[turn % 3]),))
        state, reply = policy.respond(state, other, call)
    assert reply.hand_over
    assert reply.outcomes[0].fields == {"reason": "too_long"}


# Actions, variables, urgent flows and wishes, in any order.

BUSY = FlowPolicy([load_text(BASE[: BASE.index("flows:\n")] + """variables:
  tries: {type: number, initial: 0}
  fee: money
flows:
  go:
    intents: [go]
    steps:
      - ask: day
      - set: {tries: tries + 1}
      - call: look
        with: {date: "{{ day }}"}
        into: {fee: price, size: size}
        failed:
          - say: "Tried {{ tries }} times."
          - goto: without
      - run: inner
      - call: change
        effect: true
        with: {fee: "{{ fee }}"}
      - say: Done.
  without:
    steps:
      - confirm: "Without, on {{ day | default('some day') }}?"
        slots: [note]
      - act: OptOutRequested
        fields: {channel: "{{ note }}"}
  inner:
    steps: [{ask: note}]
  ask:
    intents: [price]
    kind: information
    steps: [{call: look, into: {fee: price}}, {say: "{{ fee.spoken }}."}]
  leak:
    intents: [leak]
    urgent: 1
    steps: [{ask: size}, {say: Close the tap.}]
  fire:
    intents: [fire]
    urgent: 2
    steps: [{call: alarm, effect: true, failed: [{say: Run.}]}, {say: Wait there.}]
""", "flow.yaml")])  # fmt: skip
BUSY_INTENTS = ("go", "price", "leak", "fire", "inform", "correct", "affirm", "deny", "help", "opt_out", "")
busy_entities = st.lists(
    st.sampled_from([Entity("date", "2026-11-24"), Entity("date", "2026-11-26"), Entity("size", "big", "big", 0, 3)]),
    max_size=2,
).map(tuple)
busy_words = st.builds(
    Understanding,
    text=st.sampled_from(["", "no", "the day is wrong", "it is broken and I am sad"]),
    intent=st.sampled_from(BUSY_INTENTS),
    confidence=confidences,
    entities=busy_entities,
    further=st.lists(
        st.builds(FurtherIntent, st.sampled_from(BUSY_INTENTS), confidences, busy_entities), max_size=2
    ).map(tuple),
)
results = st.builds(
    ActionResult,
    st.dictionaries(st.sampled_from(["price", "size", "more"]), st.sampled_from(["5 USD", "big", "much", ""])),
    st.sampled_from(["", "", "too late"]),
)


@settings(max_examples=150, deadline=None)
@given(events=st.lists(busy_words | results | st.none(), max_size=25))
def test_any_order_of_words_results_and_silence_is_answered(
    events: list[Understanding | ActionResult | None],
) -> None:
    call = call_of("test")
    state, reply = BUSY.start(call)
    for event in events:
        before = State.from_json(state.to_json())
        if event is None:
            state, reply = BUSY.on_silence(before, 1)
        elif isinstance(event, ActionResult):
            state, reply = BUSY.on_action(before, event, call)
            assert BUSY.on_action(before, event, call) == (state, reply)
        else:
            state, reply = BUSY.respond(before, event, call)
            assert BUSY.respond(before, event, call) == (state, reply)
        assert State.from_json(state.to_json()) == state
        assert reply.end == state.ended
        assert len(state.frames) <= 6
        if reply.end:
            assert reply.action is None
            break
        assert reply.text.strip() or reply.action is not None
        assert reply.action is not None or reply.expectation.intents
