"""How many sessions a process takes, and what changes when there are many."""

import asyncio

import pytest

from mesh.errors import ErrorReason, MeshError
from services.dialogue.admission import Places
from services.dialogue.intake import AudioIntake
from services.dialogue.model import AudioFormat, CallerAudio


def test_one_too_many_is_told_when_to_come_again() -> None:
    places = Places(2)
    with places.take(), places.take():
        with pytest.raises(MeshError) as refused:
            places.take()
        assert refused.value.reason == ErrorReason.ERROR_REASON_OVERLOADED
        assert refused.value.retry_after_s == 5
        assert refused.value.metadata == {"limit": "2", "in_progress": "2"}


def test_a_place_is_given_back() -> None:
    places = Places(1)
    for _ in range(3):
        with places.take():
            assert places.busy
        assert not places.busy


class Pieces:
    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def send(self, data: bytes) -> None:
        self.sizes.append(len(data))


def test_audio_is_sent_in_larger_pieces_while_there_are_many_sessions() -> None:
    places, recognition = Places(2), Pieces()
    form = AudioFormat("pcm16", 8_000)
    intake = AudioIntake(form, recognition, lambda: 80 if places.busy else 40)  # type: ignore[arg-type]
    frame = bytes(2 * 160)

    async def talk() -> None:
        for sequence in range(4):
            await intake.take(CallerAudio(frame, sequence))
        with places.take():
            for sequence in range(4, 8):
                await intake.take(CallerAudio(frame, sequence))

    asyncio.run(talk())
    assert recognition.sizes == [640, 640, 1280]
