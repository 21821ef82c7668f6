"""The content store in an S3-compatible store, over real HTTP, configured by the variables an operator sets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.s3_server import S3Server, s3_server

from mesh.content import ContentAwayError, ContentMissingError, ContentSettings, ContentStore

PATH = "transcripts/2026-01-31/s1/abc.json"
TEXT = b'{"turns": []}'


@pytest.fixture
async def s3() -> AsyncIterator[S3Server]:
    async with s3_server() as server:
        yield server


@pytest.fixture
def store(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ContentStore:
    variables = {
        "VOICEMESH_CONTENT_URL": "s3://bucket/voice",
        "VOICEMESH_STATE_DIR": str(tmp_path),
        "AWS_ENDPOINT": s3.url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "false",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return ContentSettings().content_store()


async def test_content_goes_there_and_comes_back(store: ContentStore, s3: S3Server):
    reference = await store.put("acme", PATH, TEXT, "application/json")
    [(key, lying)] = s3.objects.items()
    assert key == f"voice/acme/{PATH}"
    assert lying.startswith(b"VMC\x01")
    assert TEXT not in lying
    assert await store.get("acme", reference.uri, reference.sha256) == TEXT
    assert await store.folders() == ["acme"]
    assert await store.folders("acme", "transcripts") == ["2026-01-31"]
    assert await store.delete_under("acme", "transcripts/2026-01-31") == 1
    assert s3.objects == {}
    with pytest.raises(ContentMissingError):
        await store.get("acme", reference.uri)
    await store.delete("acme", reference.uri)


async def test_a_rotation_brings_nothing_back_that_was_deleted_meanwhile(
    store: ContentStore, s3: S3Server, monkeypatch: pytest.MonkeyPatch
):
    for name in ("a", "b"):
        await store.put("acme", f"{name}.json", TEXT, "application/json")
    store.keys.add_new()
    rewrite = store._answered

    async def deleted_before_it_is_written(answer, path):
        if path == "a.json" and s3.requests.count("GET voice/acme/a.json") == 2:  # its beginning, then all of it
            s3.objects.pop("voice/acme/a.json", None)
        return await rewrite(answer, path)

    monkeypatch.setattr(store, "_answered", deleted_before_it_is_written)
    done = await store.rewrap()
    assert (done.rewritten, sorted(s3.objects)) == (1, ["voice/acme/b.json"])
    assert "PUT voice/acme/a.json" in s3.requests[2:], "it was refused, for what it was to replace is gone"
    assert await store.get("acme", "content:///b.json") == TEXT


async def test_a_store_that_is_down_is_said_to_be_away(store: ContentStore, s3: S3Server):
    s3.down = True
    impatient = ContentStore(store._store, store.keys, within_s=0.5)
    with pytest.raises(ContentAwayError, match="VOICEMESH_CONTENT_URL"):
        await impatient.put("acme", PATH, TEXT, "application/json")
    s3.down = False
    await store.put("acme", PATH, TEXT, "application/json")
