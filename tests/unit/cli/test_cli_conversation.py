"""What a person sees of a conversation as it goes on."""

import io
from typing import Any

import pytest
from rich.console import Console

import voicemesh_client as sdk
from voicemesh_cli.caller import Moment
from voicemesh_cli.commands.conversation import ConversationView

OF_EVERY_EVENT: dict[str, Any] = {"sequence": 1, "audio_offset": 0.0, "received_at": 0.0}


def shown(*events: Any) -> list[str]:
    screen = io.StringIO()
    with ConversationView(Console(file=screen, soft_wrap=True)) as view:
        for event in events:
            view.show(Moment(0.0, event))
    return screen.getvalue().splitlines()


def test_a_dropped_connection_and_its_return_are_shown() -> None:
    dropped = sdk.Reconnecting(**OF_EVERY_EVENT, reason="CONNECTION_DROPPED", message="gone")
    back = sdk.Resumed(**OF_EVERY_EVENT, instance="b", downtime=1.26, lost_audio=0.0)
    assert shown(dropped, back) == [
        "notice    the connection dropped; reconnecting ...",
        "notice    the call goes on after 1.3 s; nothing was lost",
    ]


@pytest.mark.parametrize(("lost_audio", "words"), [(0.0, "nothing was lost"), (2.5, "2.5 s of the caller's audio")])
def test_what_was_lost_is_said(lost_audio: float, words: str) -> None:
    (line,) = shown(sdk.Resumed(**OF_EVERY_EVENT, instance="b", downtime=9.0, lost_audio=lost_audio))
    assert words in line


def test_words_meant_as_markup_by_nobody_stay_words() -> None:
    (line,) = shown(sdk.AgentTurn(**OF_EVERY_EVENT, turn_id="a", text="press [bold] 1 [/]", in_reply_to=""))
    assert line == "agent     press [bold] 1 [/]"
