"""The policy's own promises: starting, resuming, ending, what is expected next and what is reported."""

import dataclasses

import pytest
from unit.dialogue_flow.flow_base import BASE
from unit.dialogue_flow.flow_harness import Player, call_of, understood

from services.dialogue.flow import FlowPolicy, load_text
from services.dialogue.policy import (
    DISPOSITIONS,
    Entity,
    Policy,
    Slot,
    State,
    StateError,
    Understanding,
    UnknownDomainError,
)

BOOK = 'book_appointment@0.7 service=cleaning@0.6 date=2026-11-24@0.9 time=10:00 person_name="Ann Lee"@0.55 | Book it.'


def player(policy: FlowPolicy, *lines: str, domain: str = "clinic", options: str = "") -> Player:
    made = Player(policy, call_of(domain, options))
    for line in lines:
        made.say(line)
    return made


def test_the_engine_is_a_policy(policy: FlowPolicy) -> None:
    as_policy: Policy = policy
    assert [info.name for info in as_policy.domains()] == ["clinic", "shop"]
    clinic = as_policy.domains()[0]
    assert clinic.languages == ("en", "es")
    assert clinic.flows[0] == "book"
    assert clinic.description


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"domain": "bakery"}, r"no flows for domain 'bakery' in 'en-US'; there are: clinic \(en\), clinic \(es\), "),
        ({"language": "de"}, r"no flows for domain 'clinic' in 'de'"),
        ({"flow": "bake"}, r"domain 'clinic' has no flow 'bake'; it has: book, reschedule"),
    ],
)
def test_what_is_not_there_is_named(policy: FlowPolicy, change: dict[str, str], message: str) -> None:
    with pytest.raises(UnknownDomainError, match=message):
        policy.start(dataclasses.replace(call_of("clinic"), **change))


def test_files_know_only_dispositions_that_are_documented(policy: FlowPolicy) -> None:
    for name in ("clinic", "shop"):
        script = policy._script(name, "en")
        assert {flow.disposition for flow in script.flows.values()} <= set(DISPOSITIONS)


# What is expected next.


def test_a_greeting_expects_the_flows_intents(policy: FlowPolicy) -> None:
    expectation = player(policy).reply.expectation
    assert expectation.intents[:3] == ("book_appointment", "reschedule_appointment", "cancel_appointment")
    assert expectation.entity_types == ("service", "date", "time", "person_name")


def test_a_question_expects_its_own_type_first(policy: FlowPolicy) -> None:
    asked = player(policy, "book_appointment service=cleaning | A cleaning.")
    assert asked.reply.expectation.entity_types == ("date", "time", "person_name", "service")
    assert asked.reply.expectation.intents[0] == "inform"


def test_a_summary_expects_yes_or_no(policy: FlowPolicy) -> None:
    assert player(policy, BOOK).reply.expectation.intents[:3] == ("affirm", "deny", "correct")
    wrong = player(policy, BOOK, "deny | No.")
    assert wrong.reply.expectation.intents == ("correct", "inform", "deny")
    assert "date" in wrong.reply.expectation.entity_types


def test_an_exchange_of_tasks_expects_yes_or_no(policy: FlowPolicy) -> None:
    asked = player(policy, "book_appointment service=cleaning | A cleaning.", "cancel_appointment | Cancel one.")
    assert asked.reply.expectation.intents == ("affirm", "deny")


def test_anything_else_expects_no_first(policy: FlowPolicy) -> None:
    assert player(policy, BOOK, "affirm | Yes.").reply.expectation.intents[0] == "deny"


def test_the_end_expects_nothing(policy: FlowPolicy) -> None:
    expectation = player(policy, "goodbye | Bye.").reply.expectation
    assert (expectation.intents, expectation.entity_types) == ((), ())


# Outcomes and their confidence.


def test_an_outcome_is_as_sure_as_the_yes_to_it(policy: FlowPolicy) -> None:
    (outcome,) = player(policy, BOOK, "affirm@0.85 | Yes.").reply.outcomes
    assert outcome.intent == "book_appointment"
    assert {slot.name: (slot.value, slot.confidence, slot.confirmed) for slot in outcome.slots} == {
        "service": ("cleaning", 0.85, True),
        "day": ("2026-11-24", 0.9, True),
        "time": ("10:00", 0.85, True),
        "name": ("Ann Lee", 0.85, True),
    }
    assert outcome.confidence == 0.85


def test_an_outcome_without_a_summary_is_as_sure_as_its_intent(policy: FlowPolicy) -> None:
    asked = player(policy, "order_status@0.7 order_number=A4512@0.9 | Where is A4512?", domain="shop")
    assert asked.reply.outcomes[0].confidence == 0.7
    asked = player(policy, "order_status@0.9 order_number=A4512@0.65 | Where is A4512?", domain="shop")
    assert asked.reply.outcomes[0].confidence == 0.65


def test_what_is_not_known_stays_unknown(policy: FlowPolicy) -> None:
    state, _ = policy.start(call_of("shop"))
    heard = Understanding("Where is A4512?", "order_status", None, entities=(Entity("order_number", "A4512"),))
    _, reply = policy.respond(state, heard, call_of("shop"))
    assert reply.outcomes[0].confidence is None


def test_a_correction_takes_the_yes_back(policy: FlowPolicy) -> None:
    booked = player(policy, BOOK, "affirm | Yes.", "correct date=2026-11-26 | I meant Thursday.")
    day = booked.state.slot("day")
    assert day == Slot("day", "2026-11-26", "2026-11-26", "date", None, confirmed=False)


def test_handing_over_tells_all_that_is_known(policy: FlowPolicy) -> None:
    reply = player(policy, BOOK, "human | A person, please.").reply
    assert reply.hand_over
    assert reply.outcomes[0].event == "HandoverRequested"
    assert {slot.name for slot in reply.outcomes[0].slots} == {"service", "day", "time", "name"}


def test_an_opt_out_must_be_heard(policy: FlowPolicy) -> None:
    assert player(policy, "opt_out | Don't call me.").reply.uninterruptible
    assert not player(policy, BOOK).reply.uninterruptible


# The end of calls.


@pytest.mark.parametrize(
    ("lines", "abandoned"),
    [
        ([], "caller_hung_up"),
        ([BOOK], "caller_hung_up"),
        ([BOOK, "affirm | Yes."], "appointment_booked"),
        ([BOOK, "affirm | Yes.", "location | Where are you?"], "appointment_booked"),
        (["location | Where are you?"], "information_given"),
        (["location | Where are you?", "opt_out | Don't call me."], "opted_out"),
        ([BOOK, "human | A person."], "handed_over"),
        (["goodbye | Bye."], "no_action"),
    ],
)
def test_a_vanished_caller_leaves_what_was_achieved(policy: FlowPolicy, lines: list[str], abandoned: str) -> None:
    assert policy.abandon(player(policy, *lines).state) == abandoned


@pytest.mark.parametrize(
    ("lines", "disposition", "summary"),
    [
        (
            [BOOK, "affirm | Yes.", "goodbye | Bye."],
            "appointment_booked",
            "Ann Lee asked for a cleaning on Tuesday, November 24th at 10 in the morning.",
        ),
        (
            [BOOK, "affirm | Yes.", "human | A person."],
            "handed_over",
            (
                "Ann Lee asked for a cleaning on Tuesday, November 24th at 10 in the morning. "
                "The caller was handed over to a person."
            ),
        ),
        (["goodbye | Bye."], "no_action", "Nothing was asked for."),
        (["location | Where?", "goodbye | Bye."], "information_given", "The caller's question was answered."),
        ([], "caller_hung_up", "The caller hung up before anything was settled."),
        ([], "something_new", "Something new."),
    ],
)
def test_summaries(policy: FlowPolicy, lines: list[str], disposition: str, summary: str) -> None:
    assert policy.summarise(player(policy, *lines).state, disposition) == summary


def test_an_ended_call_stays_ended(policy: FlowPolicy) -> None:
    over = player(policy, BOOK, "human | A person.")
    reply = over.say("book_appointment | Wait!")
    assert (reply.text, reply.end, reply.disposition, reply.outcomes) == ("", True, "handed_over", ())
    assert over.keep_silent().disposition == "handed_over"


def test_silence_changes_nothing_but_the_words(policy: FlowPolicy) -> None:
    asked = player(policy, "book_appointment service=cleaning | A cleaning.")
    before = asked.state
    asked.keep_silent()
    assert dataclasses.replace(asked.state, said=before.said) == before
    assert asked.reply.expectation.entity_types[0] == "date"
    assert asked.say("repeat | What?").text == "Which day suits you?"


# Storing and resuming.


def test_a_state_is_read_back_as_it_was(policy: FlowPolicy) -> None:
    state = player(policy, "inform date=2026-11-24/2026-12-01@0.7 | Next Tuesday.", BOOK, "deny | No.").state
    assert State.from_json(state.to_json()) == state
    early = player(policy, "inform date=2026-11-24/2026-12-01@0.7 | Next Tuesday.").state
    assert early.offered == (Entity("date", "2026-11-24", "", 0, 0, 0.7, ("2026-12-01",)),)
    assert State.from_json(early.to_json()) == early


def test_keys_of_a_newer_version_are_left_out() -> None:
    state = State("clinic", "en")
    newer = state.to_json().replace("{", '{"mood": [1, 2], ', 1)
    assert State.from_json(newer) == state


@pytest.mark.parametrize(
    "document", ["", "[]", "3", "{}", '{"domain": "a"}', '{"domain":"a","language":"b","slots":[1]}']
)
def test_a_broken_state_is_refused(document: str) -> None:
    with pytest.raises(StateError, match="a stored conversation state cannot be read"):
        State.from_json(document)


CHANGED = BASE.replace(
    "      - ask: day\n",
    "      - say: New here.\n      - ask: size\n      - ask: day\n",
)


def test_a_changed_file_begins_the_task_again_with_what_is_known() -> None:
    call = call_of("test")
    old = FlowPolicy([load_text(BASE.replace("      - ask: day\n", "      - ask: size\n      - ask: day\n"), "f")])
    state, _ = old.start(call)
    state, reply = old.respond(state, understood("go size=big"), call)
    assert reply.text == "Which day?"
    new = FlowPolicy([load_text(CHANGED, "f")])
    state, reply = new.respond(State.from_json(state.to_json()), understood("inform date=2026-11-24"), call)
    assert reply.text == "New here. Tuesday, November 24th it is. What else?"


def test_a_changed_file_does_nothing_twice() -> None:
    act = "      - act: OptOutRequested\n        fields: {channel: voice}\n      - ask: size\n"
    call = call_of("test")
    old = FlowPolicy([load_text(BASE.replace("      - ask: day\n", f"{act}      - ask: day\n"), "f")])
    state, _ = old.start(call)
    state, reply = old.respond(state, understood("go"), call)
    assert len(reply.outcomes) == 1
    new = FlowPolicy([load_text(CHANGED.replace("      - ask: day\n", f"{act}      - ask: day\n"), "f")])
    state, reply = new.respond(state, understood("inform size=big"), call)
    assert reply.outcomes == ()
    assert reply.text == "Anything."


def test_values_that_the_changed_file_does_not_know_are_left_out() -> None:
    call = call_of("test")
    state, _ = FlowPolicy([load_text(BASE, "f")]).start(call)
    state = dataclasses.replace(
        state,
        version="0",
        slots=(
            Slot("size", "huge", type="size"),
            Slot("gone", "x", type="date"),
            Slot("day", "2026-11-24", type="date"),
        ),
    )
    state, _ = FlowPolicy([load_text(CHANGED, "f")]).respond(state, understood("help"), call)
    assert [slot.name for slot in state.slots] == ["day"]
