"""Summaries in another language: a real CTranslate2 translator, real SentencePiece models, and what lacks of them."""

import io
import json
from pathlib import Path

import pytest
from fakes.tiny_translator import build, spm

from mesh.transcripts.reading import read_documents
from services.dialogue.model import Ended
from services.dialogue.translation.__main__ import main
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


SAID = {"text": "la cita. la", "start_s": 1.0, "end_s": 2.0}
SILENCE = {"text": "", "start_s": 2.0, "end_s": 3.0}
TRANSCRIPT = {"language": "es-MX", "segments": [SAID, SILENCE], "file": "a"}


def piped(monkeypatch: pytest.MonkeyPatch, folder: Path, document: str, *arguments: str) -> int:
    monkeypatch.setenv("VOICEMESH_CACHE_DIR", str(folder))
    monkeypatch.setattr("sys.stdin", io.StringIO(document))
    return main([*arguments])


def test_lines_of_a_transcript_have_their_translation_beside_them(tmp_path, monkeypatch, capsys):
    translator(tmp_path)
    assert piped(monkeypatch, tmp_path, json.dumps(TRANSCRIPT), "--to", "en") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["segments"] == [
        {**SAID, "translation": "It is booked. It is booked."},
        {**SILENCE, "translation": ""},
    ]
    assert (document["file"], document["translated_to"]) == ("a", "en")
    assert [transcript.language for transcript in read_documents(document, "x")] == ["es-MX"], "it can be read again"


@pytest.mark.parametrize(
    ("document", "arguments", "problem"),
    [
        ("{", ["--to", "en"], "Expecting"),
        ("[]", ["--to", "en"], "no transcript"),
        ('{"segments": [1]}', ["--to", "en"], "no transcript"),
        ('{"segments": []}', ["--to", "en"], "--from"),
        (json.dumps(TRANSCRIPT), ["--to", "fr"], "models pull opus-mt/es-fr"),
    ],
)
def test_what_cannot_be_translated_is_said_in_a_sentence(tmp_path, monkeypatch, capsys, document, arguments, problem):
    assert piped(monkeypatch, tmp_path, document, *arguments) == 1
    out, err = capsys.readouterr()
    assert problem in err
    assert out == ""


@pytest.mark.parametrize("broken", ["model.bin", "source.spm", "config.json"])
async def test_a_broken_model_costs_the_translation_and_no_more(tmp_path, broken: str):
    opus = translator(tmp_path)
    (opus.folder("es", "en") / broken).write_bytes(b"\xff nonsense")
    assert await TranslatedSummaries(opus, "en").summarise(END, "es") == "La cita. La cita."


def test_a_model_of_another_kind_is_refused(tmp_path):
    with pytest.raises(TranslationError, match="no unigram"):
        read_pieces(spm(tmp_path / "bpe.spm", PIECES, model_type=2))
