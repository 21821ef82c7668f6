"""A call goes on over another connection, at the instance that had it and at another one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa
from fakes.whole_mesh import WholeMesh, whole_mesh
from nats.js.errors import KeyNotFoundError
from voicemesh.common.v1 import audio_pb2, context_pb2
from voicemesh.dialogue.v1 import dialogue_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest, ConverseResponse
from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import DialogueServiceStub

from mesh.bus import connect
from mesh.database import database, sqlite_url
from mesh.errors import from_rpc_error, name_of
from mesh.testing import serve
from services.dialogue.adapters.snapshots import BUCKET
from services.dialogue.adapters.store import OUTBOX, SESSIONS, TURNS
from services.dialogue.app import build
from services.dialogue.config import DialogueSettings
from services.dialogue.snapshot import Snapshot

PCM = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM16, sample_rate_hz=16_000)


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[WholeMesh]:
    async with whole_mesh(tmp_path, dialogue_resume_s=5.0) as made:
        yield made


@contextlib.asynccontextmanager
async def another(mesh: WholeMesh) -> AsyncIterator[str]:
    """Run a second instance of the dialogue beside the first."""
    first = mesh.serving.runtime.settings
    settings = DialogueSettings(**{**first.model_dump(), "listen": "127.0.0.1:0", "instance": "second"})
    async with serve(build, settings, service="dialogue") as ready:
        yield ready.address


class Client:
    """A client that keeps what it needs to come back."""

    def __init__(self) -> None:
        self.heard: list[ConverseResponse] = []
        self.token = ""
        self._stack = contextlib.AsyncExitStack()

    async def start(self, address: str, **changes: object) -> None:
        start = dialogue_pb2.StartSession(
            context=context_pb2.RequestContext(
                tenant_id="default", region="local", correlation_id="resuming", language="en-US"
            ),
            domain="clinic",
            direction=dialogue_pb2.DIRECTION_INBOUND,
            **changes,
        )
        await self._open(address, ConverseRequest(start=start))
        started = (await self.until("started")).started
        assert started.resume_window.seconds == 5
        self.token = started.resume_token

    async def resume(self, address: str, **changes: object) -> dialogue_pb2.SessionStarted:
        last = max(response.sequence for response in self.heard)
        resume = dialogue_pb2.ResumeSession(resume_token=self.token, last_received_sequence=last, **changes)
        await self._open(address, ConverseRequest(resume=resume))
        started = (await self.until("started")).started
        assert started.resumed
        return started

    async def _open(self, address: str, first: ConverseRequest) -> None:
        self._channel = await self._stack.enter_async_context(grpc.aio.insecure_channel(address))
        self._call = DialogueServiceStub(self._channel).Converse()
        await self._call.write(first)

    async def drop(self) -> None:
        self._call.cancel()
        await self._stack.aclose()

    async def say(self, words: str, number: int) -> None:
        await self._call.write(ConverseRequest(text=dialogue_pb2.CallerText(text=words), sequence=number))

    async def send(self, **message: object) -> None:
        await self._call.write(ConverseRequest(**message))

    async def until(self, kind: str, field: str = "", value: object = None) -> ConverseResponse:
        """Read up to a message of a kind, with a value where one is given."""
        async with asyncio.timeout(20):
            while True:
                response = await self._call.read()
                assert response is not grpc.aio.EOF, f"no {kind} came"
                self.heard.append(response)
                message = getattr(response, kind)
                if response.HasField(kind) and (not field or getattr(message, field) == value):
                    return response

    def numbers(self) -> list[int]:
        return sorted(response.sequence for response in self.heard)

    def turns(self) -> list[str]:
        return [r.agent_turn.turn_id for r in self.heard if r.HasField("agent_turn")]


async def rows(mesh: WholeMesh, table: sa.Table) -> list[dict]:
    folder = mesh.serving.runtime.settings.state_dir
    async with database(sqlite_url(folder / "dialogue.db")) as engine, engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(sa.select(table))).mappings()]


async def kept(mesh: WholeMesh, client: Client, agent_turns: int) -> None:
    """Wait until the bucket holds the session as it is once the agent has begun so many turns."""
    session_id = client.token.partition(".")[0]
    async with connect(mesh.serving.runtime.settings.nats_url, source="/voicemesh/test") as bus:
        bucket = await bus.jetstream.key_value(BUCKET)
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(KeyNotFoundError):
                    entry = await bucket.get(session_id)
                    if Snapshot.from_json(entry.value or b"").agent_turns == agent_turns:
                        return
                await asyncio.sleep(0.02)


async def ended(mesh: WholeMesh) -> dict:
    """Wait for the one session's end."""
    async with asyncio.timeout(20):
        while True:
            sessions = await rows(mesh, SESSIONS)
            if sessions and sessions[0]["ended_at"] is not None:
                return sessions[0]
            await asyncio.sleep(0.05)


async def test_a_dropped_connection_goes_on_where_it_was(mesh: WholeMesh):
    client = Client()
    await client.start(mesh.dialogue)
    await client.until("agent_turn_ended")
    await client.say("what are your opening hours?", 1)
    await client.until("understanding")
    await client.drop()
    started = await client.resume(mesh.dialogue)
    assert started.last_received_sequence == 1
    # It is not known to the client whether its words arrived: it says them again.
    await client.say("what are your opening hours?", 1)
    await client.until("agent_turn_ended", "turn_id", "a2")
    await client.send(end=dialogue_pb2.EndSession())
    await client.until("ended")
    assert client.numbers() == list(range(len(client.heard))), "nothing is missing and nothing came twice"
    assert client.turns() == ["a1", "a2"]
    assert [row["turn_id"] for row in await rows(mesh, TURNS) if row["speaker"] == "caller"] == ["c1"]


async def test_a_client_that_does_not_come_back_in_time_hung_up(mesh: WholeMesh, tmp_path: Path):
    client = Client()
    await client.start(mesh.dialogue)
    await client.drop()
    assert (await ended(mesh))["disposition"] == "caller_hung_up"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.resume(mesh.dialogue)
    assert name_of(from_rpc_error(caught.value).reason) == "SESSION_NOT_RESUMABLE"


async def test_the_last_word_reaches_a_client_that_lost_its_connection_with_it(mesh: WholeMesh):
    client = Client()
    await client.start(mesh.dialogue)
    await client.until("agent_turn_ended")
    await client.send(end=dialogue_pb2.EndSession(), sequence=1)
    await client.drop()
    await ended(mesh)
    await client.resume(mesh.dialogue)
    last = (await client.until("ended")).ended
    assert last.agent_turns == 1


@pytest.mark.parametrize("token", ["nonsense", "{session}.wrong", "."])
async def test_a_wrong_token_opens_nothing(mesh: WholeMesh, token: str):
    client, thief = Client(), Client()
    await client.start(mesh.dialogue)
    thief.heard = client.heard
    thief.token = token.format(session=client.token.partition(".")[0])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await thief.resume(mesh.dialogue)
    assert name_of(from_rpc_error(caught.value).reason) == "SESSION_NOT_RESUMABLE"
    async with another(mesh) as second:
        with pytest.raises(grpc.aio.AioRpcError):
            await thief.resume(second)
    await client.say("what are your opening hours?", 1)
    await client.until("understanding")


async def test_another_instance_goes_on_and_the_call_has_one_outcome(mesh: WholeMesh):
    client = Client()
    await client.start(mesh.dialogue, output_audio=PCM, acknowledges_playback=True)
    await client.until("agent_turn_ended", "turn_id", "a1")
    await client.send(playback=dialogue_pb2.PlaybackProgress(turn_id="a1", finished=True), sequence=1)
    await client.say("I'd like to book a cleaning for next Tuesday at ten in the morning", 2)
    question = (await client.until("agent_turn")).agent_turn
    await client.until("agent_turn_ended", "turn_id", "a2")
    async with another(mesh) as second:
        await kept(mesh, client, agent_turns=2)
        started = await client.resume(second)
        assert started.instance == "second"
        # It says the turn again that was not heard to its end, in the same places.
        again = (await client.until("agent_turn")).agent_turn
        assert (again.turn_id, again.text) == (question.turn_id, question.text)
        await client.until("agent_turn_ended", "turn_id", "a2")
        await client.send(playback=dialogue_pb2.PlaybackProgress(turn_id="a2", finished=True), sequence=3)
        await client.say("Sarah Miller", 4)
        await client.until("agent_turn_ended", "turn_id", "a3")
        await client.send(playback=dialogue_pb2.PlaybackProgress(turn_id="a3", finished=True), sequence=5)
        await client.say("yes", 6)
        await client.until("agent_turn_ended", "turn_id", "a4")
        await client.send(playback=dialogue_pb2.PlaybackProgress(turn_id="a4", finished=True), sequence=7)
        await client.say("no, goodbye", 8)
        await client.until("agent_turn_ended", "turn_id", "a5")
        await client.send(playback=dialogue_pb2.PlaybackProgress(turn_id="a5", finished=True), sequence=9)
        await client.until("ended")
        assert (await ended(mesh))["disposition"] == "appointment_booked"
    types = [row["type"].removeprefix("voicemesh.events.v1.") for row in await rows(mesh, OUTBOX)]
    for event in ("CallStarted", "AppointmentRequested", "CallCompleted", "ConversationEnded"):
        assert types.count(event) == 1, types
    callers = [row["turn_id"] for row in await rows(mesh, TURNS) if row["speaker"] == "caller"]
    assert callers == ["c1", "c2", "c3", "c4"]
    assert client.numbers() == sorted(set(client.numbers())), "no number came twice"


async def test_a_process_that_goes_away_leaves_its_calls_to_others(mesh: WholeMesh):
    client = Client()
    await client.start(mesh.dialogue)
    await client.until("agent_turn_ended")
    async with another(mesh) as second:
        await kept(mesh, client, agent_turns=1)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(mesh.serving.drain(20))
            await client.until("go_away")
            await client.resume(second)
        await client.say("what are your opening hours?", 1)
        await client.until("understanding")
        assert (await rows(mesh, SESSIONS))[0]["ended_at"] is None
        await client.send(end=dialogue_pb2.EndSession())
        await client.until("ended")
    types = [row["type"].removeprefix("voicemesh.events.v1.") for row in await rows(mesh, OUTBOX)]
    assert types.count("CallCompleted") == 1
