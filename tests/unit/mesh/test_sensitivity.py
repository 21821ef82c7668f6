"""No personal data and no secret leaves by a log."""

import json
import logging

from voicemesh.common.v1 import audio_pb2
from voicemesh.consent.v1 import consent_pb2
from voicemesh.crm.v1 import crm_pb2
from voicemesh.dialogue.v1 import dialogue_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest

from mesh import logs
from mesh.sensitivity import PERSONAL, SECRET, shown


def test_personal_fields_are_masked_and_others_shown():
    contact = crm_pb2.Contact(contact_id="c1", display_name="Sarah Miller", phones=["+15555550123"])
    assert shown(contact) == {"contact_id": "c1", "display_name": PERSONAL, "phones": PERSONAL}


def test_who_a_customer_is_and_why_one_is_suppressed_is_masked():
    subject = consent_pb2.Subject(customer_id="C-42")
    assert shown(consent_pb2.Suppression(suppression_id="s", subject=subject, reason="asked by letter")) == {
        "suppression_id": "s",
        "subject": {"customer_id": PERSONAL},
        "reason": PERSONAL,
    }
    assert shown(consent_pb2.Evidence(source="call", reference="https://files/x")) == {
        "source": "call",
        "reference": PERSONAL,
    }
    assert shown(dialogue_pb2.Customer(id="C-42")) == {"id": PERSONAL}


def test_secrets_are_masked_at_any_depth():
    request = ConverseRequest(resume=dialogue_pb2.ResumeSession(resume_token="t0ken", last_received_sequence=3))
    assert shown(request) == {"resume": {"resume_token": SECRET, "last_received_sequence": "3"}}


def test_lists_of_messages_are_masked_one_by_one():
    transcript = dialogue_pb2.CallerTranscript(turn_id="c1", words=[audio_pb2.Word(text="Sarah", speaker="left")])
    assert shown(transcript) == {"turn_id": "c1", "words": [{"text": PERSONAL, "speaker": "left"}]}


def test_audio_is_shown_by_its_length():
    request = ConverseRequest(audio=dialogue_pb2.CallerAudio(data=b"\0" * 640, sequence=7))
    assert shown(request) == {"audio": {"data": "[640 bytes]", "sequence": "7"}}


def test_the_original_is_left_alone():
    request = dialogue_pb2.CallerAudio(data=b"ab")
    shown(request)
    assert request.data == b"ab"


def test_a_message_in_a_log_line_is_masked(capsys):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure("test")
        logs.get_logger("test").info("contact.seen", contact=crm_pb2.Contact(contact_id="c1", display_name="Sarah"))
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert line["contact"] == {"contact_id": "c1", "display_name": PERSONAL}
