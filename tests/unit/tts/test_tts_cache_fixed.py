"""Which sentences are fixed."""

from importlib import resources
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.tts.cache.fixed import FixedSentences, read_fixed, sentences_of

BUNDLED = Path(str(resources.files("voicemesh_domains")))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Which day suits you?", ["Which day suits you?"]),
        ("Sorry.  Say it\n again.", ["Sorry.", "Say it again."]),
        ("{{ day }} is in the past. Which day suits you?", ["Which day suits you?"]),
        ("{{ name | first_name }}, is that right?", []),
        ("{% if name is defined %}Hello. {% endif %}How are you?", []),
        ("Dr. Lee is here from 8 a.m. to 6. Come in.", ["Dr. Lee is here from 8 a.m. to 6.", "Come in."]),
        ("or so I think.", ["Or so I think.", "or so I think."]),
        ("no sentence", []),
        ('You can also say "a person".', ['You can also say "a person".']),
        ("...", []),
        ("", []),
    ],
)
def test_the_sentences_of_a_text(text: str, sentences: list[str]) -> None:
    assert sentences_of(text, "en") == sentences


def test_a_long_sentence_is_cut_as_a_stream_cuts_it_first_or_later() -> None:
    found = sentences_of("Yes. You can book, move or cancel an appointment, or ask about hours and prices.", "en")
    assert found == [
        "Yes.",
        "You can book, move or cancel an appointment,",
        "or ask about hours and prices.",
        "You can book, move or cancel an appointment, or ask about hours and prices.",
    ]


def test_the_bundled_domains_have_them() -> None:
    fixed = read_fixed(BUNDLED)
    for sentence in ("Bright Smile Dental.", "Which day suits you?", "One moment, please.", "Is  that right?"):
        assert sentence in fixed
    assert set(fixed.by_language) == {"en", "es"}
    for sentence in ("¿Qué día le queda bien?", "Un momento, por favor.", "No le escucho."):
        assert sentence in fixed.by_language["es"]
    assert not any(set("{}") & set(text) for texts in fixed.by_language.values() for text in texts)
    # What callers say is in other files; it is not the agent's.
    assert "Hello, can you hear me?" not in fixed
    assert "Goodbye, Mary." not in fixed


def test_a_file_that_cannot_be_read_is_named_and_the_others_count(tmp_path: Path) -> None:
    for domain, content in {
        "a": b"phrases: [",
        "b": b"phrases: {say: '\xff'}",
        "c": b"phrases: {say: Good day.}",
    }.items():
        (tmp_path / domain / "en").mkdir(parents=True)
        (tmp_path / domain / "en" / "flow.yaml").write_bytes(content)
    (tmp_path / "c" / "en" / "intents.yaml").write_text("examples: [Who are you?]")
    (tmp_path / "c" / "de").mkdir()
    (tmp_path / "c" / "de" / "turns.yaml").write_text("fillers: [Einen Moment., 5, null]")
    with capture_logs() as logs:
        fixed = read_fixed(tmp_path)
    assert fixed.by_language == {"de": ("Einen Moment.",), "en": ("Good day.",)}
    assert [Path(entry["file"]).parent.parent.name for entry in logs] == ["a", "b"]


def test_none() -> None:
    assert "Hello." not in FixedSentences({})
