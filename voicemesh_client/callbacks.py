"""The callback style: functions and handler objects that are called with the events of a session."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from voicemesh_client import events

if TYPE_CHECKING:
    from voicemesh_client.events import SessionEvent

E = TypeVar("E", bound=events.Event)
Callback: TypeAlias = Callable[[E], Awaitable[None] | None]
"""A function, plain or async, that is called with events of one kind."""

_METHODS: dict[type[events.Event], str] = {
    events.SessionStarted: "on_started",
    events.Transcript: "on_transcript",
    events.Understanding: "on_understanding",
    events.AgentTurn: "on_agent_turn",
    events.AgentAudio: "on_agent_audio",
    events.AgentTurnEnded: "on_agent_turn_ended",
    events.StopPlayback: "on_stop_playback",
    events.ResumePlayback: "on_resume_playback",
    events.ErrorNotice: "on_error",
    events.GoAway: "on_go_away",
    events.Reconnecting: "on_reconnecting",
    events.Resumed: "on_resumed",
    events.SessionEnded: "on_ended",
}


class Callbacks:
    """Registers functions for kinds of events; each call returns its function, so it works as a decorator.

    The functions are called in the order in which they were registered, one after the other, when an event is
    taken out of the session: by the iterator, by `run` or by the `handlers` given to the session. An exception
    passes through to whoever takes the events.
    """

    def __init__(self) -> None:
        self._callbacks: defaultdict[type[events.Event], list[Callback[Any]]] = defaultdict(list)

    def on_started(self, callback: Callback[events.SessionStarted]) -> Callback[events.SessionStarted]:
        """Calls the function when the session lives."""
        return self._add(events.SessionStarted, callback)

    def on_transcript(self, callback: Callback[events.Transcript]) -> Callback[events.Transcript]:
        """Calls the function with what the caller said, partial and final."""
        return self._add(events.Transcript, callback)

    def on_understanding(self, callback: Callback[events.Understanding]) -> Callback[events.Understanding]:
        """Calls the function with what a turn of the caller means."""
        return self._add(events.Understanding, callback)

    def on_agent_turn(self, callback: Callback[events.AgentTurn]) -> Callback[events.AgentTurn]:
        """Calls the function when the agent begins a turn."""
        return self._add(events.AgentTurn, callback)

    def on_agent_audio(self, callback: Callback[events.AgentAudio]) -> Callback[events.AgentAudio]:
        """Calls the function with the agent's audio as it comes, faster than real time."""
        return self._add(events.AgentAudio, callback)

    def on_agent_turn_ended(self, callback: Callback[events.AgentTurnEnded]) -> Callback[events.AgentTurnEnded]:
        """Calls the function when a turn of the agent is sent or broken off."""
        return self._add(events.AgentTurnEnded, callback)

    def on_stop_playback(self, callback: Callback[events.StopPlayback]) -> Callback[events.StopPlayback]:
        """Calls the function when the agent's audio must stop."""
        return self._add(events.StopPlayback, callback)

    def on_resume_playback(self, callback: Callback[events.ResumePlayback]) -> Callback[events.ResumePlayback]:
        """Calls the function when the agent's audio goes on."""
        return self._add(events.ResumePlayback, callback)

    def on_error(self, callback: Callback[events.ErrorNotice]) -> Callback[events.ErrorNotice]:
        """Calls the function when something goes wrong that does not end the session."""
        return self._add(events.ErrorNotice, callback)

    def on_go_away(self, callback: Callback[events.GoAway]) -> Callback[events.GoAway]:
        """Calls the function when the instance is going away."""
        return self._add(events.GoAway, callback)

    def on_reconnecting(self, callback: Callback[events.Reconnecting]) -> Callback[events.Reconnecting]:
        """Calls the function when the connection dropped and another one is opened."""
        return self._add(events.Reconnecting, callback)

    def on_resumed(self, callback: Callback[events.Resumed]) -> Callback[events.Resumed]:
        """Calls the function when the session goes on over another connection."""
        return self._add(events.Resumed, callback)

    def on_ended(self, callback: Callback[events.SessionEnded]) -> Callback[events.SessionEnded]:
        """Calls the function when the session is over."""
        return self._add(events.SessionEnded, callback)

    async def _dispatch(self, event: SessionEvent) -> None:
        for callback in self._callbacks.get(type(event), ()):
            await _call(callback, event)

    def _add(self, kind: type[E], callback: Callback[E]) -> Callback[E]:
        self._callbacks[kind].append(callback)
        return callback


def check_handlers(handlers: object) -> None:
    """Raises TypeError when an object has no handler method, or one whose name no event has."""
    known = set(_METHODS.values())
    methods = {name for name in dir(handlers) if name.startswith("on_")}
    if not methods:
        raise TypeError(f"{type(handlers).__name__} handles nothing: give it some of {', '.join(sorted(known))}")
    if methods - known:
        wrong = ", ".join(sorted(methods - known))
        raise TypeError(f"{type(handlers).__name__} handles what never comes ({wrong}): {', '.join(sorted(known))}")


async def call_handler(handlers: object, event: SessionEvent) -> None:
    """Calls the handler object's method for an event, if it has one."""
    method = getattr(handlers, _METHODS[type(event)], None)
    if method is not None:
        await _call(method, event)


async def _call(callback: Callback[Any], event: SessionEvent) -> None:
    result = callback(event)
    if inspect.isawaitable(result):
        await result
