"""The dialogue's end of the parse stream, at the real understanding service."""

from pathlib import Path

import grpc
from fakes.call_store import INFO

from mesh.testing import serve
from services.dialogue import model
from services.dialogue.adapters import nlu
from services.nlu.app import build
from services.nlu.config import NluSettings


async def test_entities_come_with_the_places_of_their_words(tmp_path: Path) -> None:
    words = tuple(model.Word(word, 10.0 + at, 10.5 + at) for at, word in enumerate(["on", "Tuesday", "at", "noon"]))
    spoken = model.Heard(0, "on Tuesday at noon", True, 10.0, 13.5, words=words)
    typed = model.Heard(1, "on Tuesday at noon", True, 20.0, 20.0)
    async with (
        serve(build, NluSettings(cache_dir=tmp_path, nlu_engine="rules")) as service,
        grpc.aio.insecure_channel(service.address) as channel,
        nlu.understander(channel, INFO) as understander,
    ):
        heard = await understander.understand("c1", spoken)
        read = await understander.understand("c2", typed)
    assert [(e.type, e.start, e.end) for e in heard.entities] == [("date", 11.0, 11.5), ("time", 13.0, 13.5)]
    assert [(e.type, e.start, e.end) for e in read.entities] == [("date", None, None), ("time", None, None)]
