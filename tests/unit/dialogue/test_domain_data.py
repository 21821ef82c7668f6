"""What the dialogue reads of a domain's folder."""

from pathlib import Path

import pytest

from mesh.config import ConfigError
from services.dialogue.domains import time_zones
from services.dialogue.phrases import Phrases
from services.dialogue.policy import Expectation


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_bundled_domains_have_their_time_zone():
    assert time_zones()["clinic"] == "America/New_York"


def test_a_domain_without_a_time_zone_is_left_out(tmp_path):
    write(tmp_path, "a/domain.yaml", "name: a\n")
    write(tmp_path, "b/domain.yaml", "time_zone: Europe/Madrid\n")
    write(tmp_path, "c/readme.txt", "no domain")
    assert time_zones(tmp_path) == {"b": "Europe/Madrid"}


@pytest.mark.parametrize("text", ["time_zone: Mars/Base\n", "time_zone: [1]\n", "- list\n", "a: b: c\n"])
def test_a_domain_file_that_is_wrong_is_named(tmp_path, text):
    write(tmp_path, "a/domain.yaml", text)
    with pytest.raises(ConfigError, match=r"a.domain\.yaml"):
        time_zones(tmp_path)


def test_phrases_of_the_domain_follow_the_common_ones(tmp_path):
    write(tmp_path, "common/en/phrases.yaml", "date: [Monday, today]\n")
    write(tmp_path, "clinic/en/phrases.yaml", "date: [today, recall day]\nservice: [filling]\n")
    phrases = Phrases(tmp_path)
    assert phrases.likely("clinic", "en-US", Expectation(entity_types=("date",))) == ("Monday", "today", "recall day")
    assert phrases.likely("clinic", "en-US", Expectation(entity_types=("money",))) == ()
    assert phrases.likely("clinic", "de", Expectation(entity_types=("date",))) == ()


@pytest.mark.parametrize("text", ["- date\n", "date: Monday\n", "date: [yes]\n", "date: [a\n"])
def test_phrases_that_are_no_lists_of_words_are_refused(tmp_path, text):
    write(tmp_path, "common/en/phrases.yaml", text)
    with pytest.raises(ConfigError, match=r"phrases\.yaml"):
        Phrases(tmp_path).likely("clinic", "en", Expectation(entity_types=("date",)))
