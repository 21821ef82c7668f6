"""A contact is forgotten by real processes, on a real broker and database, some of which are killed meanwhile."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fakes.background import eventually
from fakes.call_store import END, INFO, CallStore, make_call, state
from fakes.crm_process import Process, started
from fakes.databases import new_database
from fakes.nats_server import nats_server
from fakes.postgres_server import postgres_server
from sqlalchemy.ext.asyncio import AsyncEngine

from mesh.content import ContentSettings
from mesh.database import database, migrate
from mesh.outbox import Outbox
from services.crm_gateway.adapters.privacy_tables import erasures
from services.dialogue.adapters.recorder import recorder
from services.dialogue.adapters.store import OUTBOX, SESSIONS
from services.dialogue.content.filing import Filing, add_content
from services.dialogue.content.places import recording_path
from services.dialogue.model import Content

CALLS = 30
PHONE = "+15557770123"
NOBODY = dict.fromkeys((f"VOICEMESH_{name}_TARGET" for name in ("ASR", "NLU", "TTS")), "127.0.0.1:9")


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@dataclass
class Mesh:
    engine: AsyncEngine
    folder: Path
    dialogue: Process
    crm: Process
    environment: dict[str, str]

    async def left(self) -> int:
        """How many of the calls still say whose they were."""
        query = sa.select(sa.func.count()).select_from(SESSIONS).where(SESSIONS.c.phone == PHONE)
        async with self.engine.connect() as connection:
            return await connection.scalar(query) or 0

    async def over(self) -> bool:
        async with self.engine.connect() as connection:
            return await connection.scalar(sa.select(erasures.c.completed_at)) is not None

    async def privacy(self, *arguments: str) -> dict[str, Any]:
        """Run `voicemesh privacy` as a person does; its document."""
        command = [sys.executable, "-m", "voicemesh_cli", "privacy", *arguments, "--json"]
        child = await asyncio.create_subprocess_exec(*command, env=self.environment, stdout=asyncio.subprocess.PIPE)
        return json.loads((await child.communicate())[0])


async def call_and_hang_up(engine: AsyncEngine, settings: ContentSettings) -> None:
    """The contact's calls, which are over; nothing of them is published yet."""
    contents = settings.content_store()
    filing = Filing(engine, contents)
    async with recorder(Outbox(engine, OUTBOX), "earlier", filing=filing) as made:
        store = CallStore(engine, made)
        for number in range(CALLS):
            name = f"call-{number}"
            call = await make_call(
                store, replace(INFO, session_id=name, correlation_id=name, phone=PHONE, region="local")
            )
            await call.ended(END, state(), 0.1)
    async with engine.begin() as connection:
        began = await connection.scalar(sa.select(SESSIONS.c.started_at).where(SESSIONS.c.session_id == "call-0"))
        path = recording_path(began, "call-0", "c1")
        filed = await contents.put("acme", path, b"RIFF", "audio/wav")
        recording = Content(filed.uri, filed.sha256, filed.media_type, filed.size, "c1")
        await add_content(connection, "call-0", "recording", recording)


@contextlib.asynccontextmanager
async def mesh_of(folder: Path, url: str) -> AsyncIterator[Mesh]:
    await migrate(url, "services.dialogue")
    async with contextlib.AsyncExitStack() as stack:
        engine = await stack.enter_async_context(database(url))
        await call_and_hang_up(engine, ContentSettings(state_dir=folder))
        nats = await stack.enter_async_context(nats_server())
        urls = {"VOICEMESH_DIALOGUE_DATABASE_URL": url, "VOICEMESH_CRM_DATABASE_URL": url}
        crm = Process("services.crm_gateway", folder, nats.url, **urls)
        sync = Process("services.crm_gateway.sync", folder, nats.url, **urls)
        consent = Process("services.consent", folder, nats.url)
        addresses = await asyncio.gather(*(stack.enter_async_context(started(one)) for one in (crm, consent, sync)))
        targets = {**NOBODY, "VOICEMESH_CRM_TARGET": addresses[0], "VOICEMESH_CONSENT_TARGET": addresses[1]}
        scopes = "content:transcript,content:audio,content:list,content:log"
        dialogue = Process("services.dialogue", folder, nats.url, **urls, **targets, VOICEMESH_LOCAL_SCOPES=scopes)
        address = await stack.enter_async_context(started(dialogue))
        environment = {
            **os.environ,
            "VOICEMESH_STATE_DIR": str(folder),
            "VOICEMESH_DIALOGUE_TARGET": address,
            "VOICEMESH_CRM_TARGET": addresses[0],
            "VOICEMESH_TENANT": "acme",
        }
        yield Mesh(engine, folder, dialogue, crm, environment)


@pytest.fixture
async def mesh(postgres: str, tmp_path: Path) -> AsyncIterator[Mesh]:
    async with mesh_of(tmp_path, new_database(postgres)) as running:
        yield running


async def test_nothing_is_left_and_each_call_counted_once(mesh: Mesh):
    shown = await mesh.privacy("show", "call-0", "--as", "ana", "--purpose", "complaint ñ")
    assert shown["transcript"]["turns"][0]["text"] == "My number is [phone] thanks"
    await mesh.privacy("show", "call-0", "--turn", "c1", "--out", str(mesh.folder / "c1.wav"))
    assert (mesh.folder / "c1.wav").read_bytes() == b"RIFF"
    log = (await mesh.privacy("log", "--by", "ana"))["accesses"]
    assert {(row["action"], row["purpose"], row["granted"]) for row in log} == {
        ("get", "complaint ñ", True),
        ("list", "complaint ñ", True),
    }
    rotated = await mesh.privacy("rotate", "--forget-old")
    assert (rotated["rewritten"], rotated["unreadable"], len(rotated["keys"])) == (CALLS + 1, 0, 1)

    asked = await mesh.privacy("erase", PHONE, "--wait", "0")
    assert not asked["completed"]

    async def begun() -> bool:
        return await mesh.left() < CALLS

    await eventually(begun, within_s=60)
    for process in (mesh.dialogue, mesh.crm):
        await process.end(signal.SIGKILL)
    crm, _ = await asyncio.gather(mesh.crm.start(), mesh.dialogue.start())
    mesh.environment["VOICEMESH_CRM_TARGET"] = crm

    await eventually(mesh.over, within_s=90)
    done = await mesh.privacy("status", asked["erasure_id"])
    assert done["completed"]
    counts = {name: service["counts"] for name, service in done["services"].items()}
    assert {name: counts["dialogue"][name] for name in ("sessions", "turns", "transcripts", "recordings")} == {
        "sessions": CALLS,
        "turns": 2 * CALLS,
        "transcripts": CALLS,
        "recordings": 1,
    }
    # One contact, made from the calls' events; of each call an interaction and an appointment.
    assert (counts["crm"]["contacts"], counts["crm"]["records"]) == (1, 2 * CALLS)
    assert "consent" in counts
    assert [path for path in (mesh.folder / "content").rglob("*") if path.is_file() and path.name != ".lock"] == []
    assert await mesh.left() == 0
