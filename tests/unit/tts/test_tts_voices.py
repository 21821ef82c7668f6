"""Which voice speaks."""

import pytest
from unit.tts.fake_engine import FakeSynthesizer

from mesh.errors import ErrorReason, MeshError
from services.tts.model import Voice
from services.tts.voices import choose_voice, speaking

VOICES = (
    Voice("american", "fake", ("en-US", "en"), 8_000, ("en-US", "en")),
    Voice("british", "fake", ("en-GB", "en"), 8_000, ("en-GB",)),
    Voice("cantonese", "fake", ("yue", "zh-yue", "zh"), 8_000, ("yue", "zh-yue")),
    Voice("mandarin", "fake", ("cmn", "zh"), 8_000, ("cmn", "zh")),
    Voice("persian", "fake", ("fa-Latn",), 8_000, ("fa-Latn",)),
)


class Engine(FakeSynthesizer):
    voices = VOICES

    def find(self, name: str) -> Voice | None:
        return next((voice for voice in VOICES if voice.name == name), None)


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("en-US", ["american", "british"]),
        ("EN-gb", ["british", "american"]),
        ("en-AU", ["american", "british"]),
        ("en-GB-x-rp", ["british", "american"]),
        ("zh", ["mandarin", "cantonese"]),
        ("zh-yue", ["cantonese", "mandarin"]),
        ("fa", ["persian"]),
        ("", [voice.name for voice in VOICES]),
    ],
)
def test_voices_of_a_language(language: str, names: list[str]) -> None:
    assert [voice.name for voice in speaking(VOICES, language)] == names


@pytest.mark.parametrize(
    ("name", "language", "preferred", "chosen"),
    [
        ("", "en-GB", "", "british"),
        ("mandarin", "en-GB", "", "mandarin"),
        ("", "en-US", "british", "british"),
        ("", "zh", "british", "mandarin"),
        ("american", "en-US", "british", "american"),
    ],
)
def test_the_voice_that_speaks(name: str, language: str, preferred: str, chosen: str) -> None:
    assert choose_voice(Engine(), name=name, language=language, preferred=preferred).name == chosen


def test_an_unknown_voice_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(MeshError, match="american, british") as refused:
        choose_voice(Engine(), name="nobody", language="en")
    assert refused.value.reason == ErrorReason.ERROR_REASON_NOT_FOUND


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(MeshError) as refused:
        choose_voice(Engine(), name="", language="tlh")
    assert refused.value.reason == ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE
    assert refused.value.metadata["supported"] == "cmn,en,en-GB,en-US,fa-Latn,yue,zh,zh-yue"
