"""What runs beside a session's actor and tells it what happens: each a task of its own, until cancelled."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from mesh.errors import protocol_violation
from services.dialogue import model
from services.dialogue.intake import AudioIntake
from services.dialogue.keeper import Keeper
from services.dialogue.line import Line

Tell = Callable[[model.SessionInput], Awaitable[None]]
"""Puts something into the session's inbox; waits while it is full."""


async def read(incoming: AsyncIterator[model.CallerInput], intake: AudioIntake | None, tell: Tell) -> None:
    """Take in what the client says: audio straight to the recogniser, all else to the actor.

    Raises:
        MeshError: PROTOCOL_VIOLATION, INVALID_AUDIO.
    """
    async for item in incoming:
        if not isinstance(item, model.CallerAudio | model.AudioGap):
            await tell(item)
        elif intake is None:
            raise protocol_violation("text", "audio in a session started without input_audio")
        elif isinstance(item, model.AudioGap):
            await intake.skip(item.sequence)
        else:
            await intake.take(item)
    await tell(model.ClientGone())


async def listen(intake: AudioIntake, tell: Tell) -> None:
    """Pass on what the recogniser hears."""
    async for event in intake.events():
        await tell(event)


async def watch_line(line: Line, tell: Tell) -> None:
    """Pass on that the client's connection is there or lost."""
    while True:
        line.changed.clear()
        await tell(model.LineChanged(line.attached))
        await line.changed.wait()


async def watch_owner(keeper: Keeper, tell: Tell) -> None:
    """Pass on that another instance has the session."""
    await keeper.superseded.wait()
    await tell(model.Superseded())


async def await_drain(draining: asyncio.Event, tell: Tell) -> None:
    """Pass on that the process goes away."""
    await draining.wait()
    await tell(model.Draining())
