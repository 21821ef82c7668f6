"""The manifest and the store: what is where, what is right, and what an engine is told when it isn't."""

from pathlib import Path

import pytest

from mesh.config import ConfigError
from mesh.models import FileState, ModelError, ModelMissingError, ModelStore, load_manifest
from mesh.models.store import sha256_of

OWN = """
[[model]]
id = "own/tiny"
title = "Ours"
licence = "ours"
source = "https://models.example/own/"
folder = "own/tiny"
[[model.file]]
name = "model.bin"
size = 3
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
[[model.file]]
name = "notes.txt"
"""  # the sum is that of b"abc" (FIPS 180-4, example B.1)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    return path


@pytest.fixture
def store(tmp_path: Path, own: Path) -> ModelStore:
    return ModelStore(tmp_path / "cache", load_manifest(own))


def put(store: ModelStore, model: bytes = b"abc", notes: bytes = b"") -> None:
    folder = store.cache_dir / "own/tiny"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(model)
    (folder / "notes.txt").write_bytes(notes)


def test_our_manifest_holds_what_the_engines_need() -> None:
    manifest = load_manifest()
    ids = [model.id for model in manifest.model]
    assert len(ids) == len(set(ids))
    assert {
        "piper/en_US-lessac-medium",
        "piper/es_ES-davefx-medium",
        "whisper/tiny.en",
        "whisper/base.en",
        "whisper/small",
        "moonshine/base-en",
    } <= set(ids)
    for model in manifest.model:
        assert model.licence
        assert all(bool(file.size) == bool(file.sha256) for file in model.file), model.id
        assert not model.entry or model.entry in {file.name for file in model.file}
        assert str(model.source).startswith("https://")
    places = [f"{model.folder}/{file.name}" for model in manifest.model for file in model.file]
    assert len(places) == len(set(places))


def test_a_model_that_is_there_is_found(store: ModelStore) -> None:
    put(store)
    assert store.path("own/tiny") == store.cache_dir / "own/tiny"


def test_a_voice_is_found_as_the_file_the_engine_opens(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, load_manifest())
    voice = store.manifest.get("piper/en_US-lessac-medium")
    assert voice is not None
    for file in voice.file:
        path = store.file_path(voice, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            stream.truncate(file.size)
    assert store.path(voice.id) == tmp_path / "piper" / "en_US-lessac-medium.onnx"
    assert store.path(voice.id).with_name("en_US-lessac-medium.onnx.json").is_file()


def test_a_model_that_is_not_there_names_the_command(store: ModelStore) -> None:
    with pytest.raises(ModelMissingError, match="run: voicemesh models pull own/tiny"):
        store.path("own/tiny")
    put(store, model=b"ab")
    with pytest.raises(ConfigError, match="not whole"):
        store.path("own/tiny")


def test_an_unknown_id_names_the_known_ones(store: ModelStore) -> None:
    with pytest.raises(ModelMissingError, match=r"whisper/tiny\.en.*own/tiny"):
        store.path("whisper/huge")


def test_more_models_come_from_the_variable(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEMESH_MODELS_MANIFEST", str(own))
    assert ModelStore(tmp_path).manifest.get("own/tiny") is not None


def test_the_users_entry_counts_before_ours(own: Path) -> None:
    own.write_text(OWN.replace("own/tiny", "whisper/small"))
    manifest = load_manifest(own)
    assert [model.title for model in manifest.model if model.id == "whisper/small"] == ["Ours"]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[[model]]", "[[model", "cannot be read as TOML"),
        ('name = "model.bin"', 'name = "../model.bin"', "relative path without"),
        ('folder = "own/tiny"', 'folder = "/etc"', "relative path without"),
        ('sha256 = "ba', 'sha256 = "xy', "should match pattern"),
        ("https://models.example/own/", "https://models.example/own", "must end in /"),
        ("https://models.example/own/", "file:///etc/", "URL scheme"),
        ('licence = "ours"', "", "licence: Field required"),
        ("size = 3", "size = 3\nmd5 = 'x'", "Extra inputs"),
    ],
)
def test_a_wrong_manifest_is_named_with_what_is_wrong(own: Path, old: str, new: str, complaint: str) -> None:
    own.write_text(OWN.replace(old, new, 1))
    with pytest.raises(ConfigError, match=complaint) as caught:
        load_manifest(own)
    assert f"VOICEMESH_MODELS_MANIFEST={own}" in str(caught.value)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="VOICEMESH_MODELS_MANIFEST"):
        load_manifest(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (b"abc", FileState.VERIFIED),
        (b"abd", FileState.WRONG_SUM),
        (b"ab", FileState.WRONG_SIZE),
        (None, FileState.MISSING),
    ],
)
def test_files_are_held_to_the_manifest(store: ModelStore, content: bytes | None, state: FileState) -> None:
    model = store.manifest.get("own/tiny")
    assert model is not None
    if content is not None:
        put(store, model=content)
    assert store.verify(model, model.file[0]) is state


def test_a_damaged_lock_file_says_what_to_do(store: ModelStore) -> None:
    put(store)
    (store.cache_dir / "models.lock.json").write_text("{")
    model = store.manifest.get("own/tiny")
    assert model is not None
    with pytest.raises(ModelError, match="delete it"):
        store.seen(model, model.file[1])


def test_the_sum_is_sha256(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
