"""Content at rest: what is written comes back, what is not comes with its reason."""

import asyncio
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import LocalStore, MemoryStore
from prometheus_client import REGISTRY

from mesh.config import ConfigError
from mesh.content import (
    ContentAwayError,
    ContentKeyError,
    ContentMissingError,
    ContentStore,
    ContentTamperedError,
    ContentUriError,
    Keys,
    KeysError,
    new_key,
    open_keys,
    open_store,
)
from mesh.content.sealing import key_id_of, seal, unseal

PATH = "transcripts/2026-01-31/s1/abc.json"
URI = f"content:///{PATH}"
TEXT = b'{"turns": []}'
UNUSABLE = "voicemesh_content_keys_unusable"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return open_keys("", tmp_path / "keys.json")


@pytest.fixture
def objects() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def store(keys: Keys, objects: MemoryStore) -> ContentStore:
    return ContentStore(objects, keys)


async def test_what_is_written_is_read_and_lies_there_encrypted(store: ContentStore, objects: MemoryStore):
    reference = await store.put("acme", PATH, TEXT, "application/json")
    assert (reference.uri, reference.size, reference.media_type) == (URI, len(TEXT), "application/json")
    assert await store.get("acme", reference.uri, reference.sha256) == TEXT
    lying = bytes(obstore.get(objects, f"acme/{PATH}").bytes())
    assert lying.startswith(b"VMC\x01")
    assert b"turns" not in lying
    await store.put("acme", PATH, TEXT, "application/json")
    assert bytes(obstore.get(objects, f"acme/{PATH}").bytes()) != lying, "each object has a nonce of its own"


async def test_a_folder_keeps_content_too(keys: Keys, tmp_path: Path):
    store = open_store((tmp_path / "there").as_uri(), keys, tmp_path)
    await store.put("acme", PATH, TEXT, "application/json")
    assert await open_store((tmp_path / "there").as_uri(), keys, tmp_path).get("acme", URI) == TEXT
    assert await store.delete_under("acme", "transcripts/2026-01-31") == 1
    assert await store.delete_under("acme", "transcripts/2026-01-31") == 0


async def test_nothing_lies_there(store: ContentStore):
    with pytest.raises(ContentMissingError, match="nothing lies at"):
        await store.get("acme", URI)
    await store.delete("acme", URI)


@pytest.mark.parametrize("place", [4, 20, -1])
async def test_one_byte_changed_is_noticed(store: ContentStore, objects: MemoryStore, place: int):
    await store.put("acme", PATH, TEXT, "application/json")
    lying = bytearray(obstore.get(objects, f"acme/{PATH}").bytes())
    lying[place] ^= 1
    obstore.put(objects, f"acme/{PATH}", bytes(lying))
    with pytest.raises((ContentTamperedError, ContentKeyError)):
        await store.get("acme", URI)


@pytest.mark.parametrize("where", [f"other/{PATH}", "acme/transcripts/2026-01-31/s2/abc.json"])
async def test_content_moved_to_another_tenant_or_place_is_not_read(
    store: ContentStore, objects: MemoryStore, where: str
):
    await store.put("acme", PATH, TEXT, "application/json")
    obstore.copy(objects, f"acme/{PATH}", where)
    tenant, _, path = where.partition("/")
    with pytest.raises(ContentTamperedError, match="changed, moved or cut short"):
        await store.get(tenant, f"content:///{path}")


async def test_what_the_reference_was_not_given_for_is_not_handed_out(store: ContentStore):
    await store.put("acme", PATH, TEXT, "application/json")
    with pytest.raises(ContentTamperedError, match="its hash is another"):
        await store.get("acme", URI, "0" * 64)


async def test_content_of_a_lost_key_names_the_key(store: ContentStore, objects: MemoryStore, tmp_path: Path):
    await store.put("acme", PATH, TEXT, "application/json")
    other = ContentStore(objects, open_keys("", tmp_path / "other.json"))
    with pytest.raises(ContentKeyError, match=store.keys.newest.id):
        await other.get("acme", URI)


@pytest.mark.parametrize(
    "uri", ["http://x/y", "content:///../keys.json", "content:///a//b", "content:///", "content:///a/../b"]
)
async def test_what_is_no_address_is_refused(store: ContentStore, uri: str):
    with pytest.raises(ContentUriError):
        await store.get("acme", uri)


async def test_a_tenant_cannot_name_another(store: ContentStore):
    with pytest.raises(ContentUriError):
        await store.get("acme/../other", URI)


async def test_a_store_that_does_not_answer_is_said_to_be_away(keys: Keys, tmp_path: Path):
    store = open_store("s3://bucket/prefix", keys, tmp_path)
    unreachable = ContentStore(store._store, keys, within_s=0)
    with pytest.raises(ContentAwayError, match="does not answer"):
        await unreachable.get("acme", URI)


def test_a_url_nobody_knows_is_refused(keys: Keys, tmp_path: Path):
    with pytest.raises(ConfigError, match="VOICEMESH_CONTENT_URL"):
        open_store("gopher://x", keys, tmp_path)


# Rotation.


async def test_a_new_key_encrypts_and_the_old_ones_decrypt(store: ContentStore, objects: MemoryStore):
    await store.put("acme", PATH, TEXT, "application/json")
    old, new = store.keys.newest.id, store.keys.add_new().id
    await store.put("acme", "b.json", TEXT, "application/json")
    assert key_id_of(bytes(obstore.get(objects, "acme/b.json").bytes()), "b.json") == new
    assert await store.get("acme", URI) == TEXT
    done = await store.rewrap()
    assert (done.rewritten, done.already, done.unreadable, done.keys_in_use) == (1, 1, 0, {new})
    store.keys.forget({old})
    assert store.keys.ids == (new,)
    assert await store.get("acme", URI) == TEXT


async def test_a_rotation_that_was_cut_off_goes_on(store: ContentStore, monkeypatch: pytest.MonkeyPatch):
    for number in range(6):
        await store.put(("acme", "other")[number % 2], f"{number}.json", TEXT, "application/json")
    store.keys.add_new()
    rewrite, done = store._rewrite, []

    async def cut_off(found):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(found)
        return await rewrite(found)

    monkeypatch.setattr(store, "_rewrite", cut_off)
    with pytest.raises(KeyboardInterrupt):
        await store.rewrap()
    monkeypatch.undo()
    again = await store.rewrap()
    assert (again.rewritten, again.already) == (4, 2)
    assert (await store.rewrap()).rewritten == 0


async def test_what_is_deleted_while_it_is_encrypted_anew_stays_deleted(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rotating, deleting = (open_store("", keys, tmp_path / "content") for _ in range(2))
    await rotating.put("acme", PATH, TEXT, "application/json")
    keys.add_new()
    put, file = obstore.put_async, tmp_path / "content" / "acme" / PATH

    async with asyncio.TaskGroup() as tasks:

        async def deleted_meanwhile(*args, **kwargs):
            if "mode" not in kwargs:
                tasks.create_task(deleting.delete("acme", URI))
                for _ in range(20):
                    if file.exists():
                        await asyncio.sleep(0.005)
            return await put(*args, **kwargs)

        monkeypatch.setattr(obstore, "put_async", deleted_meanwhile)
        assert (await rotating.rewrap()).rewritten == 1
    assert not file.exists()
    assert [found async for found in rotating.stored("acme")] == []


async def test_what_cannot_be_read_is_counted_and_left(store: ContentStore, objects: MemoryStore):
    await store.put("acme", "good.json", TEXT, "application/json")
    obstore.put(objects, "acme/bad.json", seal(TEXT, new_key(), "acme", "bad.json"))
    store.keys.add_new()
    done = await store.rewrap()
    assert (done.rewritten, done.unreadable) == (1, 1)


async def test_an_empty_object_stops_no_rotation(store: ContentStore, objects: MemoryStore):
    await store.put("acme", "good.json", TEXT, "application/json")
    obstore.put(objects, "acme/empty.json", b"")
    store.keys.add_new()
    done = await store.rewrap()
    assert (done.rewritten, done.unreadable) == (1, 1)
    assert done.keys_in_use == {store.keys.newest.id}


# Keys.


def test_keys_are_made_for_their_owner_alone_and_once(tmp_path: Path):
    path = tmp_path / "new" / "keys.json"
    first = open_keys("", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_keys("", path).ids == first.ids
    assert [file.name for file in path.parent.iterdir()] == ["keys.json"]


def test_keys_that_everybody_may_read_are_refused(tmp_path: Path):
    path = tmp_path / "keys.json"
    open_keys("", path)
    path.chmod(0o644)
    with pytest.raises(KeysError, match="chmod 600"):
        open_keys(str(path), tmp_path / "unused.json")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KeysError, match=r"file.*cannot be made.*VOICEMESH_CONTENT_KEYS"):
        open_keys("", tmp_path / "file" / "sub" / "keys.json")


def test_named_keys_must_be_there(tmp_path: Path):
    with pytest.raises(KeysError, match="VOICEMESH_CONTENT_KEYS"):
        open_keys(str(tmp_path / "none.json"), tmp_path / "unused.json")
    assert not (tmp_path / "unused.json").exists()


def test_keys_may_come_from_the_environment_itself(tmp_path: Path):
    made = open_keys("", tmp_path / "keys.json")
    given_keys = open_keys((tmp_path / "keys.json").read_text(), tmp_path / "unused.json")
    assert given_keys.ids == made.ids
    with pytest.raises(KeysError, match="where it comes from"):
        given_keys.add_new()


@pytest.mark.parametrize(
    "document",
    [
        "{}",
        '{"keys": []}',
        '{"keys": [{"id": "k", "secret": "c2hvcnQ=", "created_at": "2026-01-01T00:00:00Z"}]}',
        '{"keys": [{"id": "a b", "secret": "%s", "created_at": "2026-01-01T00:00:00Z"}]}' % ("A" * 43 + "="),
    ],
)
def test_a_document_that_holds_no_keys_is_refused_without_showing_it(document: str):
    with pytest.raises(KeysError) as error:
        Keys(None, document)
    assert "c2hvcnQ=" not in str(error.value)


def test_two_keys_of_one_id_are_refused(tmp_path: Path):
    key = json.loads(open_keys("", tmp_path / "k.json").path.read_text())["keys"][0]
    with pytest.raises(KeysError, match="two keys have one id"):
        Keys(None, json.dumps({"keys": [key, key]}))


def test_a_key_that_another_process_adds_is_seen(tmp_path: Path):
    ours, theirs = open_keys("", tmp_path / "k.json"), open_keys("", tmp_path / "k.json")
    added = theirs.add_new()
    assert ours.newest.id == added.id


@pytest.mark.parametrize("harm", ["everybody may read it", "gone", "no keys", "no text"])
async def test_keys_that_were_read_go_on_being_used_when_their_file_cannot_be(harm: str, tmp_path: Path):
    path = tmp_path / "k.json"
    keys = open_keys("", path)
    store, document, newest = ContentStore(MemoryStore(), keys), path.read_bytes(), keys.newest
    if harm == "everybody may read it":
        path.chmod(0o644)
    elif harm == "gone":
        path.unlink()
    else:
        path.write_bytes(b"{}" if harm == "no keys" else b"\xff\xfe")
    reference = await store.put("acme", PATH, TEXT, "application/json")
    assert await store.get("acme", reference.uri) == TEXT
    assert (keys.newest, REGISTRY.get_sample_value(UNUSABLE)) == (newest, 1)
    for change in (keys.add_new, lambda: keys.forget(set()), lambda: open_keys(str(path), path)):
        with pytest.raises(KeysError, match=r"k\.json"):
            change()
    path.write_bytes(document)
    path.chmod(0o600)
    assert keys.newest == newest
    assert REGISTRY.get_sample_value(UNUSABLE) == 0


def test_keys_that_are_added_at_once_are_all_kept(tmp_path: Path):
    several = [open_keys("", tmp_path / "k.json") for _ in range(4)]
    with ThreadPoolExecutor(len(several)) as pool:
        added = [done.result() for done in [pool.submit(keys.add_new) for keys in several for _ in range(5)]]
    assert {key.id for key in added} < set(open_keys("", tmp_path / "k.json").ids)


def test_a_secret_shows_nowhere(tmp_path: Path):
    keys = open_keys("", tmp_path / "k.json")
    secret = json.loads((tmp_path / "k.json").read_text())["keys"][0]["secret"]
    assert secret not in repr(keys.newest)
    assert secret not in str(vars(keys))


@given(data=st.binary(max_size=300), cut=st.integers(0, 400))
def test_nothing_cut_short_or_lengthened_is_read(data: bytes, cut: int):
    key = new_key()
    keys = Keys(None, json.dumps({"keys": [json.loads(key.model_dump_json())]}))
    sealed = seal(data, key, "acme", PATH)
    assert unseal(sealed, keys, "acme", PATH) == data
    with pytest.raises(ContentTamperedError):
        unseal(sealed + b"x", keys, "acme", PATH)
    with pytest.raises((ContentTamperedError, ContentKeyError)):
        unseal(sealed[: min(cut, len(sealed) - 1)], keys, "acme", PATH)


async def test_local_objects_are_left_whole_by_a_writer_that_dies(keys: Keys, tmp_path: Path):
    """A folder's object appears by a rename: half of one is never seen."""
    store = ContentStore(LocalStore(tmp_path / "c", mkdir=True), keys)
    await store.put("acme", PATH, TEXT * 1000, "application/json")
    assert [file.name for file in (tmp_path / "c/acme/transcripts/2026-01-31/s1").iterdir()] == ["abc.json"]
