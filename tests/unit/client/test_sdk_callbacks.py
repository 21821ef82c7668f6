"""Callbacks and handler objects."""

from __future__ import annotations

import pytest

import voicemesh_client as sdk
from voicemesh_client.callbacks import Callbacks, call_handler, check_handlers

TURN = sdk.AgentTurn(sequence=0, audio_offset=0, received_at=0, turn_id="a", in_reply_to="", text="hello")
STOP = sdk.StopPlayback(sequence=1, audio_offset=0, received_at=0, turn_id="a", may_resume=False)


async def test_plain_and_async_functions_are_called_in_order() -> None:
    callbacks, called = Callbacks(), []

    @callbacks.on_agent_turn
    def plain(turn: sdk.AgentTurn) -> None:
        called.append(f"plain {turn.text}")

    @callbacks.on_agent_turn
    async def later(turn: sdk.AgentTurn) -> None:
        called.append(f"async {turn.text}")

    callbacks.on_stop_playback(lambda _: called.append("stop"))
    await callbacks._dispatch(TURN)
    await callbacks._dispatch(STOP)
    assert called == ["plain hello", "async hello", "stop"]


async def test_every_event_has_its_registration() -> None:
    names = [name for name in vars(Callbacks) if name.startswith("on_")]
    assert len(names) == len(sdk.SessionEvent.__args__)
    callbacks, called = Callbacks(), []
    for name in names:
        getattr(callbacks, name)(lambda _, name=name: called.append(name))
    await callbacks._dispatch(TURN)
    assert called == ["on_agent_turn"]


class Some:
    """Handles one kind of event."""

    def __init__(self) -> None:
        self.turns: list[str] = []

    async def on_agent_turn(self, turn: sdk.AgentTurn) -> None:
        self.turns.append(turn.text)


async def test_a_handler_object_has_any_of_the_methods() -> None:
    handlers = Some()
    check_handlers(handlers)
    await call_handler(handlers, TURN)
    await call_handler(handlers, STOP)
    assert handlers.turns == ["hello"]


def test_a_handler_object_with_a_wrong_name_is_refused() -> None:
    class Misspelt(Some):
        def on_transcrpt(self, _: object) -> None: ...

    with pytest.raises(TypeError, match="on_transcrpt"):
        check_handlers(Misspelt())
    with pytest.raises(TypeError, match="handles nothing"):
        check_handlers(object())
