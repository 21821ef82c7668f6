"""`voicemesh nlu train` and `eval` on small domains of the test's own, with the real encoder."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from mesh.config import ConfigError
from services.nlu.config import NluSettings
from services.nlu.domains import load_domain
from services.nlu.encoder.cache import prepared_folder
from services.nlu.encoder.encoder import SentenceEncoder
from services.nlu.engines import minilm
from services.nlu.head import HEAD_FILE, data_sha256, load_head, plain
from services.nlu.model import ParseRequest
from services.nlu.training.__main__ import main
from voicemesh_cli.main import build_app

DOMAIN = "name: bakery\ndescription: A bakery.\nlanguages: [en, es]\nentity_types: [date]\n"
WORDS = {
    "en": {
        "order_bread": "bread,rolls,a loaf,rye bread,white bread,two baguettes,a sourdough,some buns",
        "opening_hours": "do you open,do you close,are you open,is the shop open,does it shut,can I come",
    },
    "es": {
        "order_bread": "pan,panecillos,una barra,pan de centeno,pan blanco,dos baguettes,una hogaza,unos bollos",
        "opening_hours": "abren,cierran,está abierto,abre la tienda,puedo pasar,es el horario",
    },
}
FRAMES = {
    "en": {
        "order_bread": ["I'd like {}", "{} please", "can I get {}"],
        "opening_hours": ["when {}", "what time {}", "on Sunday {}"],
    },
    "es": {
        "order_bread": ["quiero {}", "{} por favor", "me pone {}"],
        "opening_hours": ["cuándo {}", "a qué hora {}", "el domingo {}"],
    },
}
OUTSIDE = {
    "en": ["who won the match", "tell me a joke", "what is the capital of France", "is it raining", "play some music",
           "my cat is stuck in a tree", "how do planes fly"],
    "es": ["quién ganó el partido", "cuéntame un chiste", "cuál es la capital de Francia", "está lloviendo",
           "pon música", "mi gato está en un árbol", "cómo vuelan los aviones"],
}  # fmt: skip


def write(folder: Path) -> Path:
    bakery = folder / "bakery"
    for language, intents in WORDS.items():
        (bakery / language).mkdir(parents=True)
        content = {
            "intents": {
                name: {"examples": [f.format(w) for f in FRAMES[language][name] for w in words.split(",")]}
                for name, words in intents.items()
            },
            "out_of_scope": OUTSIDE[language],
        }
        (bakery / language / "intents.yaml").write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    (bakery / "domain.yaml").write_text(DOMAIN)
    return bakery


@pytest.fixture
def bakery(tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICEMESH_CACHE_DIR", str(cache_dir))
    return write(tmp_path)


def voicemesh(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(["nlu"]), ["nlu", *arguments])


def test_a_domain_is_trained_by_its_path_and_understood_in_both_languages(bakery: Path, cache_dir: Path) -> None:
    result = voicemesh("train", str(bakery), "--json")
    assert result.exit_code == 0, result.stderr
    trained = json.loads(result.stdout)["trained"]
    assert [(each["domain"], each["language"]) for each in trained] == [("bakery", "en"), ("bakery", "es")]
    for each in trained:
        head = load_head(Path(each["file"]))
        assert head.metadata["data_sha256"] == data_sha256(load_domain(bakery).languages[each["language"]])
        assert set(head.labels) == {"order_bread", "opening_hours"}
        assert each["accuracy"] > 0.8
        assert each["warnings"] == []
    engine = minilm.create(NluSettings(cache_dir=cache_dir, domains_dir=bakery.parent))
    for text, language, intent in (
        ("could I have a rye loaf", "en", "order_bread"),
        ("quería pan de centeno", "es", "order_bread"),
        ("a qué hora cierran hoy", "es", "opening_hours"),
    ):
        parse = engine.parse(ParseRequest(text, "bakery", language, _now()))
        assert [i.name for i in parse.intents][:1] == [intent], text


def test_an_evaluation_is_a_document_and_a_page_that_needs_no_other_host(bakery: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = voicemesh("eval", str(bakery), "--language", "en", "--html", str(page), "--json")
    assert result.exit_code == 0, result.stderr
    (found,) = json.loads(result.stdout)["evaluations"]
    assert found["method"] == "five-fold cross-validation"
    assert 0 <= found["ece"] <= 1
    assert 0 <= found["in_scope_accuracy"] <= found["accuracy"] <= 1
    assert {"confusions", "calibration", "operating_points", "out_of_scope_recall"} <= set(found)
    html = page.read_text("utf-8")
    assert "order_bread" in html
    assert "<svg" in html
    assert not re.search(r"(src|href|url)\s*[=(]", html), "it names another file or host"


@pytest.mark.parametrize("outside", [[], ["who won the match", "is it raining"]])
def test_two_examples_an_intent_are_enough(
    bakery: Path, cache_dir: Path, outside: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    intents = {
        "order_bread": ["a loaf", "two rolls"],
        "opening_hours": ["when open", "until when"],
        "hello": ["hi", "hey"],
    }
    content = {"intents": {name: {"examples": said} for name, said in intents.items()}, "out_of_scope": outside}
    (bakery / "en" / "intents.yaml").write_text(json.dumps(content))
    (bakery / "domain.yaml").write_text(DOMAIN.replace("[en, es]", "[en]"))
    assert main(["train", str(bakery)]) == 0, capsys.readouterr().out
    (trained,) = json.loads(capsys.readouterr().out)["trained"]
    (warning,) = trained["warnings"]
    assert warning.startswith(f"{bakery / 'en' / 'intents.yaml'}: has {len(outside)} out-of-scope sentences")
    engine = minilm.create(NluSettings(cache_dir=cache_dir, domains_dir=bakery.parent))
    assert engine.parse(ParseRequest("two rolls", "bakery", "en", _now())).intents[0].name == "order_bread"


def test_without_out_of_scope_sentences_everything_is_in_scope(
    bakery: Path, cache_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bakery / "en" / "intents.yaml"
    path.write_text(json.dumps({"intents": json.loads(path.read_text("utf-8"))["intents"]}))
    (bakery / "domain.yaml").write_text(DOMAIN.replace("[en, es]", "[en]"))
    assert main(["train", str(bakery)]) == 0
    capsys.readouterr()
    assert main(["eval", str(bakery), "--html", str(tmp_path / "report.html")]) == 0
    (found,) = json.loads(capsys.readouterr().out)["evaluations"]
    assert (found["out_of_scope_recall"], found["threshold"], found["in_scope_kept"]) == (None, None, 1.0)
    engine = minilm.create(NluSettings(cache_dir=cache_dir, domains_dir=bakery.parent))
    assert not engine.parse(ParseRequest("who won the match", "bakery", "en", _now())).out_of_scope


def test_held_out_sentences_are_judged_by_the_head_on_disk(
    bakery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(bakery), "--language", "en"]) == 0
    held_out = tmp_path / "held-out.yaml"
    held_out.write_text(
        "intents:\n  order_bread:\n    examples: [a dozen rolls please, give me rye bread]\n"
        "  opening_hours:\n    examples: [until when are you open]\nout_of_scope: [is there life on Mars]\n"
    )
    capsys.readouterr()
    assert main(["eval", str(bakery), "--language", "en", "--held-out", str(held_out)]) == 0
    (found,) = json.loads(capsys.readouterr().out)["evaluations"]
    assert (found["examples"], found["out_of_scope"]) == (3, 1)
    assert str(held_out) in found["method"]


def test_a_head_older_than_its_intents_is_refused_with_the_command_that_mends_it(bakery: Path, cache_dir: Path) -> None:
    settings = NluSettings(cache_dir=cache_dir, domains_dir=bakery.parent)
    with pytest.raises(ConfigError, match=r"head\.npz is missing; run `voicemesh nlu train bakery`"):
        minilm.create(settings)
    assert main(["train", str(bakery)]) == 0
    path = bakery / "en" / "intents.yaml"
    content = json.loads(path.read_text("utf-8"))
    content["intents"]["sell_cake"] = {"examples": ["a cake", "one cake please"]}
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"other intents; run `voicemesh nlu train bakery`"):
        minilm.create(settings)


def test_a_heads_file_keeps_what_the_head_says(bakery: Path, cache_dir: Path, tmp_path: Path) -> None:
    assert main(["train", str(bakery), "--language", "en"]) == 0
    head = load_head(bakery / "en" / HEAD_FILE)
    head.save(tmp_path / "again.npz")
    vector = SentenceEncoder(prepared_folder(cache_dir)).pooled([plain("two loaves please")])[0]
    one, other = (each.judge("two loaves please", vector) for each in (head, load_head(tmp_path / "again.npz")))
    assert one.log_probabilities.tolist() == other.log_probabilities.tolist()
    assert one.scope_margin == other.scope_margin


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("languages: [en, es]", "languages: [en]"), "bakery does not speak 'es'; it has en"),
        (("name: bakery", "name: brewery"), "domain.yaml:1: name: is 'brewery', but the folder is 'bakery'"),
    ],
)
def test_what_cannot_be_trained_is_said_in_a_sentence(
    bakery: Path, change: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (bakery / "domain.yaml").write_text(DOMAIN.replace(*change))
    assert main(["train", str(bakery), "--language", "es"]) == 2
    assert said in json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_name_that_is_no_domain_is_answered_with_those_there_are(
    bakery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEMESH_DOMAINS_DIR", str(bakery.parent))
    result = voicemesh("train", "nope", "--json")
    assert result.exit_code == 2
    said = json.loads(result.stdout)["error"]["message"]
    assert said.startswith(f"there is no domain 'nope' in {bakery.parent}; there are: bakery.")


def test_too_few_out_of_scope_sentences_are_warned_about(bakery: Path) -> None:
    path = bakery / "en" / "intents.yaml"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"out_of_scope": OUTSIDE["en"][:4]}))
    result = voicemesh("train", str(bakery), "--language", "en")
    assert result.exit_code == 0
    assert "has 4 out-of-scope sentences" in " ".join((result.stderr + result.stdout).split())


@pytest.mark.parametrize(
    ("intents", "said"),
    [
        ("intents: {a: {examples: [x, y]}}", "has one intent, so there is nothing to tell apart"),
        ("intents: {a: {examples: [x, y]}, b: {examples: [z]}}", "intents.b.examples: has one"),
        ("intents: {a: {examples: [x, y]}, b: {examples: [z, x]}}", "'x' is an example of a and of b"),
    ],
)
def test_examples_that_teach_nothing_are_refused(
    bakery: Path, intents: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (bakery / "en" / "intents.yaml").write_text(intents)
    assert main(["train", str(bakery), "--language", "en"]) == 2
    message = json.loads(capsys.readouterr().out)["error"]["message"]
    assert said in message
    assert "intents.yaml" in message


def _now() -> datetime:
    return datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
