import shutil
from pathlib import Path

import pytest

from mesh.config import ConfigError
from services.nlu import train
from services.nlu.config import NluSettings
from services.nlu.domains import bundled_domains, load_domain
from services.nlu.encoder.cache import prepared_folder
from services.nlu.encoder.encoder import SentenceEncoder
from services.nlu.engines import minilm
from services.nlu.head import HEAD_FILE, data_sha256, load_head


@pytest.fixture
def own_domains(tmp_path: Path) -> Path:
    """The clinic alone, to be changed at will."""
    for name in ("common", "clinic"):
        shutil.copytree(bundled_domains() / name, tmp_path / name)
    return tmp_path


def test_training_is_as_good_as_its_figures_say(cache_dir: Path) -> None:
    data = load_domain(bundled_domains() / "clinic").languages["en"]
    head, report = train.train(data, SentenceEncoder(prepared_folder(cache_dir)))
    assert head.data_sha256 == data_sha256(data)
    assert report.examples == len(data.labelled)
    assert report.accuracy > 0.88
    assert report.in_scope_kept > 0.88
    assert report.out_of_scope_found > 0.9
    assert report.calibration_error < 0.06


def test_a_new_intent_is_learnt_by_the_command(
    own_domains: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    intents = own_domains / "clinic" / "en" / "intents.yaml"
    examples = [f"I want a gift voucher for {who}" for who in ("my mom", "my dad", "a friend", "two people", "her")]
    added = "".join(f"\n      - {text}" for text in [*examples, "gift voucher", "do you sell vouchers"])
    intents.write_text(intents.read_text().replace("intents:", f"intents:\n  buy_voucher:\n    examples:{added}", 1))
    settings = NluSettings(cache_dir=cache_dir, domains_dir=own_domains)
    with pytest.raises(ConfigError, match=r"run `python -m services\.nlu\.train clinic`"):
        minilm.create(settings)
    monkeypatch.setenv("VOICEMESH_CACHE_DIR", str(cache_dir))
    monkeypatch.setenv("VOICEMESH_DOMAINS_DIR", str(own_domains))
    monkeypatch.setattr("sys.argv", ["train", "clinic"])
    assert train.main() == 0
    assert "clinic/en: Report" in capsys.readouterr().out
    assert "buy_voucher" in load_head(own_domains / "clinic" / "en" / HEAD_FILE).labels
    assert "buy_voucher" in minilm.create(settings).domains()["clinic"].intents


def test_the_command_says_what_is_wrong(
    tmp_path: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VOICEMESH_CACHE_DIR", str(cache_dir))
    monkeypatch.setenv("VOICEMESH_DOMAINS_DIR", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["train", "nowhere"])
    assert train.main() == 1
    assert "domain.yaml" in capsys.readouterr().err
