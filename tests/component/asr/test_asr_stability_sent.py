"""A transcript that is not final says how much of it the client was told before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import numpy as np
import pytest
from component.asr.calling import END, Heard, config, frames, recording, silence

from services.asr.stability import stability

if TYPE_CHECKING:
    from voicemesh.asr.v1.asr_service_pb2_grpc import AsrServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_each_is_compared_with_the_one_sent_before_it(stub: AsrServiceStub) -> None:
    call = stub.StreamingRecognize(timeout=60)
    heard = Heard()
    await call.write(config(interim=True, speculate_after=0.15, silence=1.0))
    for number, name in enumerate(("rms-4.flac", "rms-0.flac"), 1):
        for frame in frames(np.concatenate((recording(name), silence(0.4)))):
            await call.write(frame)
        # The caller goes on once the pause was answered; the utterance lasts.
        while sum(t.is_speculative for t in heard.transcripts) < number:
            heard.responses.append(await call.read())
    await call.write(END)
    while (response := await call.read()) is not grpc.aio.EOF:
        heard.responses.append(response)
    first, *later, final = heard.transcripts
    assert later
    assert {t.utterance for t in heard.transcripts} == {0}
    assert not first.HasField("stability")
    before = first.text
    for transcript in later:
        assert transcript.HasField("stability")
        assert transcript.stability == pytest.approx(stability(before, transcript.text))
        before = transcript.text
    assert final.is_final
    assert final.stability == 1
