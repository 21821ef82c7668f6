"""Summaries in another language: a real CTranslate2 translator, real SentencePiece models, and what lacks of them."""

from pathlib import Path

import pytest
from fakes.tiny_translator import build, spm

from services.dialogue.model import Ended
from services.dialogue.translation.model import TranslationError
from services.dialogue.translation.opus import OpusTranslator
from services.dialogue.translation.pieces import joined, read_pieces
from services.dialogue.translation.summary import TranslatedSummaries

PIECES = {"\u2581la": -2.0, "\u2581ci": -3.0, "ta": -3.0, "\u2581cita": -4.0, ".": -1.0, "\u2581": -5.0, "x": -6.0}
SAYS = ["\u2581It", "\u2581is", "\u2581book", "ed", "."]
END = Ended("appointment_booked", "La cita. La cita.", (), (), 10.0, 1, 1)


def translator(folder: Path) -> OpusTranslator:
    build(folder / "opus-mt" / "es-en", PIECES, SAYS)
    return OpusTranslator(folder)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("la cita.", ["\u2581la", "\u2581cita", "."]),
        ("  la   cita ", ["\u2581la", "\u2581cita"]),
        ("cix", ["\u2581ci", "x"]),
        ("", []),
    ],
)
def test_words_are_cut_into_the_likeliest_pieces(tmp_path, text: str, pieces: list[str]):
    assert read_pieces(spm(tmp_path / "source.spm", PIECES)).encode(text).tokens == pieces


def test_pieces_make_a_text():
    assert joined(SAYS) == "It is booked."


async def test_sentences_are_translated(tmp_path):
    opus = translator(tmp_path)
    assert opus.lacking("es", "en") == ""
    assert await opus.translate(["la cita.", "la"], "es", "en") == ["It is booked.", "It is booked."]
    opus.close()


async def test_a_summary_has_its_original_beside_it(tmp_path):
    summaries = TranslatedSummaries(translator(tmp_path), "en")
    assert await summaries.summarise(END, "es-MX") == ("It is booked. It is booked. (Original, es: La cita. La cita.)")
    assert await summaries.summarise(END, "en-US") == "La cita. La cita.", "a call in that language is left alone"


async def test_a_summariser_may_write_what_is_translated(tmp_path):
    class Short:
        async def summarise(self, end: Ended, language: str) -> str:
            return "la cita."

    summaries = TranslatedSummaries(translator(tmp_path), "en", Short())
    assert await summaries.summarise(END, "es") == "It is booked. (Original, es: la cita.)"


async def test_without_a_model_the_original_stands_alone_and_what_lacks_is_named(tmp_path):
    opus = OpusTranslator(tmp_path)
    assert opus.lacking("es", "en").endswith("run: voicemesh models pull opus-mt/es-en")
    with pytest.raises(TranslationError, match="models pull opus-mt/es-en"):
        await opus.translate(["la"], "es", "en")
    assert await TranslatedSummaries(opus, "en").summarise(END, "es") == "La cita. La cita."


@pytest.mark.parametrize("broken", ["model.bin", "source.spm", "config.json"])
async def test_a_broken_model_costs_the_translation_and_no_more(tmp_path, broken: str):
    opus = translator(tmp_path)
    (opus.folder("es", "en") / broken).write_bytes(b"\xff nonsense")
    assert await TranslatedSummaries(opus, "en").summarise(END, "es") == "La cita. La cita."


def test_a_model_of_another_kind_is_refused(tmp_path):
    with pytest.raises(TranslationError, match="no unigram"):
        read_pieces(spm(tmp_path / "bpe.spm", PIECES, model_type=2))
