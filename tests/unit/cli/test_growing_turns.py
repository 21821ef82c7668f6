"""A turn that is told again, longer, is shown once."""

from voicemesh_cli.caller.growing import Growing
from voicemesh_client import AgentTurn


def a_turn(turn_id: str, text: str) -> AgentTurn:
    return AgentTurn(sequence=0, audio_offset=0.0, received_at=0.0, turn_id=turn_id, in_reply_to="t1", text=text)


def test_only_what_is_new_is_told() -> None:
    growing = Growing()
    assert growing.news(a_turn("a1", "Hello.")) == "Hello."
    assert growing.news(a_turn("a1", "Hello. How can I help?")) == "How can I help?"
    assert growing.news(a_turn("a1", "Hello. How can I help?")) == ""
    assert growing.news(a_turn("a2", "Hello.")) == "Hello.", "another turn, the same words"
