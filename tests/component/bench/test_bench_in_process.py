"""The services in one process without gRPC, as the bench runs them: a spoken turn is heard, understood, answered."""

import dataclasses
from pathlib import Path
from unittest import mock

from corpus import Caller
from inprocess import in_process
from rows import rows_of

from voicemesh_cli.caller import CallOptions, load_recording, place_call
from voicemesh_client.targets import Channels

RECORDING = Path(__file__).parents[3] / "examples" / "recordings" / "clinic-booking.wav"


async def test_a_call_without_a_network(tmp_path: Path):
    recording = load_recording(RECORDING)
    recording = dataclasses.replace(recording, turns=recording.turns[:1])
    async with in_process(tmp_path) as registry:
        with mock.patch.object(Channels, "own", return_value=registry):
            report = await place_call(recording, "in-process:0", CallOptions(domain="clinic"))
    [row] = rows_of(Caller("booking", "clinic", "rms", ()), report)
    assert "cleaning" in row.heard
    assert row.first_audio_ms is not None
    assert not row.cut_off
