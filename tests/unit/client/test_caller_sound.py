"""The sound card, where there is none or a poor one, and the loudspeaker's buffer."""

from __future__ import annotations

import sys
import types

import pytest

import voicemesh_client as sdk
from voicemesh_cli.caller import sound


class PortAudioError(Exception):
    """As the library's own."""


def card(monkeypatch, *, rates: set[int], own: float = 44_100.0, missing: str = "") -> None:
    """Puts a sound card with these rates in the place of the library."""
    library = types.ModuleType("sounddevice")

    def check(channels: int, dtype: str, samplerate: int) -> None:
        if samplerate not in rates:
            raise PortAudioError("no such rate")

    def query_devices(kind: str) -> dict[str, float]:
        if missing:
            raise PortAudioError(missing)
        return {"default_samplerate": own}

    library.__dict__.update(
        PortAudioError=PortAudioError,
        check_input_settings=check,
        check_output_settings=check,
        query_devices=query_devices,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", library)


@pytest.mark.parametrize(
    ("rates", "own", "wanted"),
    [({16_000, 44_100}, 44_100.0, 16_000), ({44_100}, 44_100.0, 44_100), ({48_000}, 96_000.0, 48_000)],
)
def test_the_best_rate_is_chosen(monkeypatch, rates: set[int], own: float, wanted: int) -> None:
    card(monkeypatch, rates=rates, own=own)
    assert sound.input_rate_hz() == sound.output_rate_hz() == wanted


def test_no_device_is_said(monkeypatch) -> None:
    card(monkeypatch, rates=set(), missing="Error querying device -1")
    with pytest.raises(sound.SoundUnavailableError, match="no sound input here"):
        sound.input_rate_hz()
    card(monkeypatch, rates={7})
    with pytest.raises(sound.SoundUnavailableError, match="no 16-bit samples"):
        sound.output_rate_hz()


def test_a_missing_library_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(sound.SoundUnavailableError, match=r"voicemesh\[talk\]"):
        sound.output_rate_hz()


def play(loudspeaker: sound.Loudspeaker, size: int) -> bytes:
    block = bytearray(size)
    loudspeaker._give(block, size // 2, None, None)
    return bytes(block)


async def test_the_loudspeaker_plays_in_order_then_silence() -> None:
    loudspeaker = sound.Loudspeaker()
    for data in (b"aaaa", b"bb", b"cccccc"):
        loudspeaker(sdk.PlayedAudio("a", data, 0.0, 0.0))
    assert [play(loudspeaker, 5), play(loudspeaker, 5)] == [b"aaaab", b"bcccc"]
    assert play(loudspeaker, 5) == b"cc\0\0\0"
    await loudspeaker.drain()
    loudspeaker(sdk.PlayedAudio("a", b"dddd", 0.0, 0.0))
    loudspeaker.discard("a1")
    assert play(loudspeaker, 4) == b"\0\0\0\0"


def test_a_full_loudspeaker_forgets_the_oldest() -> None:
    loudspeaker = sound.Loudspeaker()
    for number in range(30):
        loudspeaker(sdk.PlayedAudio("a", bytes([number, number]), 0.0, 0.0))
    assert play(loudspeaker, 50) == bytes(n for number in range(5, 30) for n in (number, number))


def test_the_loudspeaker_keeps_what_waits_while_it_pauses() -> None:
    loudspeaker = sound.Loudspeaker()
    heard = bytearray(4)
    loudspeaker(sdk.PlayedAudio("a1", b"\1\2\3\4\5\6", 0.0, 0.0))
    loudspeaker.pause("a1")
    loudspeaker._give(heard, 2, None, None)
    assert heard == bytes(4)
    loudspeaker.resume("a1")
    loudspeaker._give(heard, 2, None, None)
    assert heard == b"\1\2\3\4"
