"""What a call's outcome is put together from, and the two sentences that are made of it."""

import dataclasses

import pytest

from mesh.config import ConfigError
from services.dialogue import model
from services.dialogue.dispositions.assembly import assemble
from services.dialogue.dispositions.model import Appointment, CallOutcome, Mood, TurnFacts
from services.dialogue.dispositions.summarisers import summarised, summariser, summary_of
from services.dialogue.policy import Commitment, Entity, NextStep, Slot, State

STATE = State("clinic", "en")
VISIT = NextStep("the visit", "caller", "2026-11-25T10:00")
KEEP = Commitment("agent", "keep the chair free", "2026-11-25T10:00")
CALL_BACK = Commitment("caller", "I'll call back", "2026-11-21", "c2", 4.0)
END = model.Ended("appointment_booked", "Sarah Miller asked for a cleaning.", (), (), 9.0, 2, 3)


def test_turns_and_script_together() -> None:
    turns = [
        TurnFacts("c1", 1.0, "book_appointment", 0.5, (Entity("date", "2026-11-25", "Wednesday"),)),
        TurnFacts("c2", 4.0, "inform", None, (), (CALL_BACK,)),
        TurnFacts("c3", 7.0, "ask_price", -0.25),
        TurnFacts("c4", 9.0, "book_appointment"),
    ]
    state = dataclasses.replace(STATE, commitments=(KEEP,), next_step=VISIT)
    made = Appointment("requested", "cleaning", "2026-11-25", "10:00", "UTC")
    outcome = assemble(turns, state, "appointment_booked", made)
    assert outcome == CallOutcome(
        entities=turns[0].entities,
        appointment=made,
        next_step=VISIT,
        commitments=(CALL_BACK, KEEP),
        sentiments=(Mood("c1", 1.0, 0.5), Mood("c3", 7.0, -0.25)),
        wishes=("book_appointment", "ask_price"),
    )


def test_what_is_said_twice_is_one_commitment() -> None:
    again = dataclasses.replace(CALL_BACK, words="i'll call back", turn_id="c3", at=8.0)
    turns = [TurnFacts("c2", 4.0, commitments=(CALL_BACK,)), TurnFacts("c3", 8.0, commitments=(again,))]
    assert assemble(turns, None, "caller_hung_up").commitments == (CALL_BACK,)


def test_a_moved_appointment_takes_its_service_from_what_is_known() -> None:
    state = dataclasses.replace(STATE, slots=(Slot("service", "cleaning"),))
    made = assemble([], state, "appointment_rescheduled", Appointment("rescheduled", "", "2026-11-26")).appointment
    assert made == Appointment("rescheduled", "cleaning", "2026-11-26")


def test_what_was_promised_for_an_appointment_goes_with_it() -> None:
    other = Commitment("agent", "send the bill", "2026-12-01")
    state = dataclasses.replace(STATE, commitments=(KEEP, other))
    cancelled = Appointment("cancelled", "cleaning", "2026-11-25", "10:00")
    assert assemble([], state, "appointment_cancelled", cancelled).commitments == (other,)


@pytest.mark.parametrize(
    ("state", "disposition", "step"),
    [
        (None, "caller_hung_up", NextStep("I'll call back", "caller", "2026-11-21")),
        (dataclasses.replace(STATE, next_step=VISIT), "appointment_booked", VISIT),
        (dataclasses.replace(STATE, next_step=VISIT), "handed_over", NextStep("a person goes on with the caller")),
        (State("clinic", "es-MX"), "handed_over", NextStep("una persona sigue atendiendo la llamada")),
        (dataclasses.replace(STATE, next_step=VISIT), "opted_out", NextStep("I'll call back", "caller", "2026-11-21")),
    ],
)
def test_the_next_step(state: State | None, disposition: str, step: NextStep | None) -> None:
    turns = [TurnFacts("c2", 4.0, commitments=(CALL_BACK,))]
    assert assemble(turns, state, disposition).next_step == step


@pytest.mark.parametrize(
    ("language", "outcome", "sentence"),
    [
        ("en-US", CallOutcome(next_step=VISIT), "Next: the visit (Wednesday, November 25th, 10 in the morning)."),
        ("en", CallOutcome(commitments=(KEEP,)), "The agent promised: keep the chair free"),
        (
            "en",
            CallOutcome(next_step=NextStep("I'll call back", "caller"), commitments=(CALL_BACK,)),
            "The caller said:",
        ),
        ("en", CallOutcome(sentiments=(Mood("c1", 1.0, -0.8),)), "The caller sounded upset at the end."),
        ("de", CallOutcome(), "Nothing else was agreed."),
        ("es-MX", CallOutcome(), "No se acordó nada más."),
        (
            "es",
            CallOutcome(next_step=NextStep("la visita", "caller", "2026-11-25")),
            "Siguiente paso: la visita (el miércoles",
        ),
    ],
)
def test_the_second_sentence_says_what_is_next(language: str, outcome: CallOutcome, sentence: str) -> None:
    summary = summary_of(dataclasses.replace(END, outcome=outcome), language)
    assert summary.startswith("Sarah Miller asked for a cleaning. ")
    assert sentence in summary


def test_a_person_goes_on() -> None:
    outcome = assemble([], STATE, "handed_over")
    summary = "The caller reported an emergency."
    end = dataclasses.replace(END, disposition="handed_over", summary=summary, outcome=outcome)
    assert summary_of(end, "en") == "The caller reported an emergency. Next: a person goes on with the caller."


def test_two_sentences_are_enough() -> None:
    end = dataclasses.replace(
        END, summary="One thing was done. Another was, too.", outcome=CallOutcome(next_step=VISIT)
    )
    assert summary_of(end, "en") == end.summary


class Plugged:
    """A summariser that is not ours."""

    def __init__(self, words: str | Exception) -> None:
        self.words = words

    async def summarise(self, end: model.Ended, language: str) -> str:
        if isinstance(self.words, Exception):
            raise self.words
        return f" {self.words} {end.disposition} {language} "


async def test_a_summariser_may_be_plugged_in() -> None:
    assert await summarised(Plugged("Well."), END, "en", 1.0) == "Well. appointment_booked en"


async def test_one_that_fails_leaves_it_to_the_facts() -> None:
    assert await summarised(Plugged(ValueError("no model")), END, "en", 1.0) == ""


def test_a_summariser_is_found_by_its_name() -> None:
    assert summariser("facts") is None
    with pytest.raises(ConfigError, match="no engine 'poet'"):
        summariser("poet")
