"""Pulling models from a real HTTP server: whole, interrupted, wrong, missing, and without a network."""

import errno
import fcntl
import hashlib
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from component.models.model_server import Hub, model_hub

from mesh.models import FileState, Manifest, Model, ModelError, ModelFile, ModelStore
from mesh.models.download import Pulled, Puller

WEIGHTS = random.Random(7).randbytes(300_000)
CONFIG = b'{"sample_rate": 22050}'
WEIGHTS_PATH, CONFIG_PATH = "/voices/amy.onnx", "/voices/amy.onnx.json"


def sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with model_hub() as running:
        running.files = {WEIGHTS_PATH: WEIGHTS, CONFIG_PATH: CONFIG}
        yield running


def model(hub: Hub, *, pinned: bool = True) -> Model:
    def file(name: str, data: bytes) -> ModelFile:
        return ModelFile(name=name, size=len(data), sha256=sum_of(data)) if pinned else ModelFile(name=name)

    return Model(
        id="piper/amy",
        title="Amy",
        licence="CC0",
        source=f"{hub.url}/voices/",
        folder="piper",
        entry="amy.onnx",
        file=(file("amy.onnx", WEIGHTS), file("amy.onnx.json", CONFIG)),
    )


@pytest.fixture
def voice(hub: Hub) -> Model:
    return model(hub)


@pytest.fixture
def store(tmp_path: Path, voice: Model) -> ModelStore:
    return ModelStore(tmp_path / "cache", Manifest(model=(voice,)))


def pull(store: ModelStore, voice: Model, **options: object) -> list[Pulled]:
    return list(Puller(store, pause=lambda _seconds: None, **options).pull(voice))


def leftovers(store: ModelStore) -> list[str]:
    return sorted(path.name for path in store.cache_dir.rglob("*.part*"))


def test_a_model_is_fetched_checked_and_found(hub: Hub, store: ModelStore, voice: Model) -> None:
    counted: dict[str, int] = {}
    puller = Puller(store, progress=lambda file, done: counted.update({file.name: done}))
    files = list(puller.pull(voice))
    assert [(each.state, each.fetched) for each in files] == [
        (FileState.VERIFIED, len(WEIGHTS)),
        (FileState.VERIFIED, len(CONFIG)),
    ]
    assert counted == {"amy.onnx": len(WEIGHTS), "amy.onnx.json": len(CONFIG)}
    assert store.path("piper/amy").read_bytes() == WEIGHTS
    assert leftovers(store) == []
    assert hub.sent == len(WEIGHTS) + len(CONFIG)


def test_what_is_there_and_right_is_not_fetched_again(hub: Hub, store: ModelStore, voice: Model) -> None:
    pull(store, voice)
    asked = len(hub.requests)
    assert [each.fetched for each in pull(store, voice)] == [0, 0]
    assert len(hub.requests) == asked
    again = list(Puller(store).pull(voice, again=True))
    assert [each.fetched for each in again] == [len(WEIGHTS), len(CONFIG)]


def test_what_changed_on_disk_is_fetched_again(store: ModelStore, voice: Model) -> None:
    pull(store, voice)
    store.path("piper/amy").write_bytes(bytes(len(WEIGHTS)))
    assert [each.fetched for each in pull(store, voice)] == [len(WEIGHTS), 0]
    assert store.path("piper/amy").read_bytes() == WEIGHTS


def test_a_dropped_connection_is_taken_up_where_it_broke(hub: Hub, store: ModelStore, voice: Model) -> None:
    hub.drop_after = [100_000, 50_000]
    weights, _ = pull(store, voice)
    assert store.path("piper/amy").read_bytes() == WEIGHTS
    ranges = [wanted for path, wanted in hub.requests if path == WEIGHTS_PATH]
    assert ranges == ["", "bytes=100000-", "bytes=150000-"]
    # No byte went over the network twice.
    assert hub.sent == len(WEIGHTS) + len(CONFIG)
    assert weights.fetched == len(WEIGHTS)


def test_a_later_pull_goes_on_where_an_earlier_one_ended(hub: Hub, store: ModelStore, voice: Model) -> None:
    hub.drop_after = [100_000, 0, 0, 0, 0]
    with pytest.raises(ModelError, match="100000 bytes are kept, and the same command goes on from there"):
        pull(store, voice)
    assert not store.file_path(voice, voice.file[0]).exists()
    sent = hub.sent
    hub.drop_after = []
    weights, _ = pull(store, voice)
    assert weights.fetched == len(WEIGHTS) - 100_000 == hub.sent - sent - len(CONFIG)
    assert store.path("piper/amy").read_bytes() == WEIGHTS
    assert leftovers(store) == []


@pytest.mark.parametrize("etags", [True, False])
def test_a_file_that_changed_meanwhile_is_never_spliced(hub: Hub, store: ModelStore, etags: bool) -> None:
    voice = model(hub, pinned=False)  # no sum would tell
    hub.etags = etags
    hub.drop_after = [100_000, 0, 0, 0, 0]
    with pytest.raises(ModelError, match="cannot be reached"):
        pull(store, voice)
    hub.drop_after, hub.files[WEIGHTS_PATH] = [], WEIGHTS[::-1]
    pull(store, voice)
    assert store.file_path(voice, voice.file[0]).read_bytes() == WEIGHTS[::-1]


def test_wrong_bytes_are_refused_and_leave_nothing(hub: Hub, store: ModelStore, voice: Model) -> None:
    hub.files[WEIGHTS_PATH] = bytes(len(WEIGHTS))
    with pytest.raises(ModelError, match="is not the file it should be: sha256 is") as caught:
        pull(store, voice)
    assert sum_of(WEIGHTS) in str(caught.value)
    assert not store.file_path(voice, voice.file[0]).exists()
    assert leftovers(store) == []
    hub.files[WEIGHTS_PATH] = WEIGHTS
    pull(store, voice)
    assert store.path("piper/amy").read_bytes() == WEIGHTS


def test_an_error_page_in_place_of_the_file_is_refused(hub: Hub, store: ModelStore, voice: Model) -> None:
    hub.files[WEIGHTS_PATH] = b"<html>please log in</html>"
    with pytest.raises(ModelError, match="has 26 bytes, the manifest says 300000"):
        pull(store, voice)
    assert leftovers(store) == []


def test_wrong_bytes_never_replace_right_ones(hub: Hub, store: ModelStore, voice: Model) -> None:
    pull(store, voice)
    hub.files[WEIGHTS_PATH] = bytes(len(WEIGHTS))
    with pytest.raises(ModelError):
        list(Puller(store).pull(voice, again=True))
    assert store.path("piper/amy").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("status", "advice"),
    [(404, "there is no such file"), (403, "login or a licence"), (429, "wait some minutes"), (503, "later")],
)
def test_a_refusal_says_what_to_do(hub: Hub, store: ModelStore, voice: Model, status: int, advice: str) -> None:
    hub.status[WEIGHTS_PATH] = status
    with pytest.raises(ModelError, match=advice) as caught:
        pull(store, voice)
    assert f"{hub.url}{WEIGHTS_PATH} answered {status}" in str(caught.value)
    assert leftovers(store) == []


def test_offline_says_so_and_names_the_ways_out(tmp_path: Path, hub: Hub, voice: Model) -> None:
    store = ModelStore(tmp_path, Manifest(model=(voice,)))
    waits: list[float] = []
    puller = Puller(store, mirror="http://127.0.0.1:1", pause=waits.append)
    with pytest.raises(ModelError, match="Is this machine offline") as caught:
        list(puller.pull(voice))
    assert "VOICEMESH_MODELS_URL" in str(caught.value)
    assert str(tmp_path / "piper" / "amy.onnx") in str(caught.value)
    assert len(waits) == 3
    assert waits == sorted(waits)
    assert leftovers(store) == []


def test_a_mirror_is_laid_out_as_the_cache_is(hub: Hub, store: ModelStore, voice: Model) -> None:
    hub.files = {"/mirror/piper/amy.onnx": WEIGHTS, "/mirror/piper/amy.onnx.json": CONFIG}
    pull(store, voice, mirror=f"{hub.url}/mirror/")
    assert store.path("piper/amy").read_bytes() == WEIGHTS


def test_a_full_disk_says_so_before_it_is_full(
    hub: Hub, store: ModelStore, voice: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**6, 10**6 - 1000, 1000))
    with pytest.raises(ModelError, match=r"is full.*300000 bytes are needed, 1000 are free"):
        pull(store, voice)
    assert hub.requests == []


def test_a_disk_that_fills_up_meanwhile_says_so(
    store: ModelStore, voice: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ModelError, match="free some space"):
        pull(store, voice)


def test_two_pulls_at_once_do_not_disturb_each_other(store: ModelStore, voice: Model) -> None:
    part = store.file_path(voice, voice.file[0]).with_name("amy.onnx.part")
    part.parent.mkdir(parents=True)
    with part.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ModelError, match="another process is fetching"):
            pull(store, voice)
    pull(store, voice)


def test_an_unknown_sum_is_recorded_and_held_to(hub: Hub, store: ModelStore) -> None:
    voice = model(hub, pinned=False)
    weights, _ = pull(store, voice)
    assert (weights.state, weights.sha256) == (FileState.RECORDED, sum_of(WEIGHTS))
    lock = json.loads((store.cache_dir / "models.lock.json").read_text())
    assert lock["piper/amy.onnx"]["sha256"] == sum_of(WEIGHTS)
    assert lock["piper/amy.onnx"]["source"] == f"{hub.url}{WEIGHTS_PATH}"
    assert store.verify(voice, voice.file[0]) is FileState.RECORDED
    hub.files[WEIGHTS_PATH] = bytes(len(WEIGHTS))
    with pytest.raises(ModelError, match="the first pull says"):
        list(Puller(store).pull(voice, again=True))
    assert store.file_path(voice, voice.file[0]).read_bytes() == WEIGHTS


def test_files_put_there_by_hand_are_recorded_by_a_pull(hub: Hub, store: ModelStore) -> None:
    voice = model(hub, pinned=False)
    for file, data in zip(voice.file, (WEIGHTS, CONFIG), strict=True):
        path = store.file_path(voice, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert store.verify(voice, voice.file[0]) is FileState.UNKNOWN
    assert [each.fetched for each in pull(store, voice)] == [0, 0]
    assert hub.requests == []
    assert store.verify(voice, voice.file[0]) is FileState.RECORDED
