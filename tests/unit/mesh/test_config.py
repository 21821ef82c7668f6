"""Configuration is read once, typed, and an error names the variable."""

import pytest
from pydantic import SecretStr

from mesh.config import SCOPES, ConfigError, ServiceSettings, load, split_address


class Settings(ServiceSettings):
    asr_target: str
    token: SecretStr = SecretStr("")


def test_a_field_is_read_from_its_variable(monkeypatch):
    monkeypatch.setenv("VOICEMESH_ASR_TARGET", "a:1")
    monkeypatch.setenv("VOICEMESH_DRAIN_S", "2.5")
    settings = load(Settings)
    assert (settings.asr_target, settings.drain_s) == ("a:1", 2.5)


def test_every_wrong_variable_is_named(monkeypatch):
    monkeypatch.delenv("VOICEMESH_ASR_TARGET", raising=False)
    monkeypatch.setenv("VOICEMESH_DRAIN_S", "soon")
    monkeypatch.setenv("VOICEMESH_AUTH_MODE", "open")
    with pytest.raises(ConfigError) as caught:
        load(Settings)
    for name in ("VOICEMESH_ASR_TARGET", "VOICEMESH_DRAIN_S", "VOICEMESH_AUTH_MODE"):
        assert name in str(caught.value)


@pytest.mark.parametrize(
    "given", ["content:list,privacy:erase", "content:list privacy:erase", " content:list, privacy:erase,"]
)
def test_scopes_are_separated_by_commas_or_spaces(given: str, monkeypatch):
    monkeypatch.setenv("VOICEMESH_LOCAL_SCOPES", given)
    assert load(ServiceSettings).granted_scopes() == {"content:list", "privacy:erase"}


@pytest.mark.parametrize("given", ["content:lists", "content:list;privacy:erase"])
def test_a_scope_that_is_none_is_refused(given: str, monkeypatch):
    monkeypatch.setenv("VOICEMESH_LOCAL_SCOPES", given)
    with pytest.raises(ConfigError, match=r"VOICEMESH_LOCAL_SCOPES.*is no scope"):
        load(ServiceSettings)


def test_all_is_granted_by_default_but_hearing_recordings():
    assert ServiceSettings().granted_scopes() == SCOPES - {"content:audio"}


def test_secrets_print_masked():
    settings = Settings(asr_target="a:1", token=SecretStr("t0ken"))
    assert "t0ken" not in repr(settings)
    assert settings.token.get_secret_value() == "t0ken"


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Settings(asr_target="a:1").asr_target = "b:2"


def test_an_ipv6_address_is_split():
    assert split_address("[::1]:80", "X") == ("::1", 80)
