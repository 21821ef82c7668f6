"""A call that goes on in another language."""

import dataclasses

from unit.dialogue_flow.flow_harness import Player, call_of

from services.dialogue.flow import FlowPolicy


def speaking(player: Player, language: str) -> None:
    player.call = dataclasses.replace(player.call, language=language)


def test_the_next_answer_is_in_the_new_language_and_knows_what_was_told(policy: FlowPolicy) -> None:
    player = Player(policy, call_of("clinic"))
    player.say("book_appointment service=cleaning date=2026-11-24 | A cleaning on Tuesday.")
    assert player.reply.text == "At what time?"
    speaking(player, "es-MX")
    assert player.say("inform time=10:00 | A las diez.").text == (
        "Una limpieza para el martes a las 10 de la mañana. ¿Me dice su nombre y apellido?"
    )
    assert player.state.language == "es-MX"
    player.say('inform person_name="Ana Lima" | Ana Lima.')
    speaking(player, "en-US")
    # A yes to a summary in Spanish is none to one in English: it is asked once more.
    asked = player.say("affirm | Yes.")
    assert asked.text.endswith("A cleaning on Tuesday, November 24th at 10 in the morning. Is that right?")
    assert asked.outcomes == ()
    player.say("affirm | Yes.")
    assert [outcome.event for outcome in player.reply.outcomes] == ["AppointmentRequested"]


def test_what_was_done_in_one_language_is_not_done_again_in_another(policy: FlowPolicy) -> None:
    player = Player(policy, call_of("shop", language="es"))
    player.say("order_status order_number=A4512 | ¿Dónde está mi pedido A cuatro cinco uno dos?")
    assert [outcome.event for outcome in player.reply.outcomes] == ["OrderInquired"]
    speaking(player, "en-GB")
    reply = player.say("deny | No.")
    assert (reply.text, reply.disposition, reply.outcomes) == ("Goodbye.", "order_status_given", ())


def test_a_language_without_flows_changes_nothing(policy: FlowPolicy) -> None:
    player = Player(policy, call_of("shop", language="es"))
    speaking(player, "fr-FR")
    assert player.say("opening_hours | ¿Qué horario tienen?").text.startswith("Atendemos de lunes a viernes")
    assert player.state.language == "es"
