"""`voicemesh privacy erase` says what was found, what is kept, and when it was nobody."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import pytest
import typer
from typer.testing import CliRunner, Result
from voicemesh.crm.v1 import privacy_pb2
from voicemesh.crm.v1 import privacy_service_pb2 as pb
from voicemesh.crm.v1.privacy_service_pb2_grpc import PrivacyServiceServicer, add_PrivacyServiceServicer_to_server

from voicemesh_cli.commands import privacy

Run = Callable[..., Awaitable[Result]]
DONE_AT = 1_760_000_000
"""2025-10-09T08:53:20Z."""


class Gateway(PrivacyServiceServicer):
    """Knows one number; all services have answered at once."""

    async def EraseContact(self, request: pb.EraseContactRequest, _: object) -> pb.EraseContactResponse:
        counts = {"contacts": 1, "records": 2} if request.contact == "+15550123456" else {}
        if request.dry_run:
            crm = privacy_pb2.ErasureProgress(service="crm", counts=counts)
            return pb.EraseContactResponse(erasure=privacy_pb2.Erasure(services=[crm]))
        erasure = privacy_pb2.Erasure(erasure_id="e-1")
        erasure.completed_at.FromSeconds(DONE_AT)
        for service in ("crm", "dialogue"):
            progress = erasure.services.add(service=service, counts=counts if service == "crm" else {})
            progress.completed_at.FromSeconds(DONE_AT)
        return pb.EraseContactResponse(erasure=erasure)


@pytest.fixture
async def run(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    for name in ("FILE", "EVENTS_MAX_AGE_S", "DEAD_MAX_AGE_S"):
        monkeypatch.delenv(f"VOICEMESH_STREAM{'S' if name == 'FILE' else ''}_{name}", raising=False)
    server = grpc.aio.server()
    add_PrivacyServiceServicer_to_server(Gateway(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    app = typer.Typer()
    app.callback()(lambda: None)
    privacy.register(app)
    environment = {"VOICEMESH_CRM_TARGET": f"127.0.0.1:{port}", "VOICEMESH_TENANT": "clinic", "COLUMNS": "200"}

    async def run(*arguments: str) -> Result:
        # Each command runs a loop of its own.
        return await asyncio.to_thread(CliRunner().invoke, app, ["privacy", *arguments], env=environment)

    yield run
    await server.stop(None)


async def test_what_was_erased_and_until_when_the_broker_keeps_the_rest(run: Run):
    done = await run("erase", "+15550123456", "--json")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert (document["erasure_id"], document["completed"], document["found"]) == ("e-1", True, True)
    assert document["services"]["crm"] == {"done": True, "counts": {"contacts": 1, "records": 2}}
    assert document["events_kept_until"] == "2025-10-16T08:53:20+00:00"
    assert document["dead_letters_kept_until"] == "2025-11-13T08:53:20+00:00", "four weeks from its last day"
    text = (await run("erase", "+15550123456")).stdout
    assert "in the broker until" in text
    assert "2 records" in text


async def test_somebody_whom_nobody_knows_has_a_sentence_and_an_exit_code(run: Run):
    done = await run("erase", "+15550009999")
    assert done.exit_code == privacy.NOBODY
    assert "no service has anything of +15550009999" in done.stdout
    found = await run("erase", "+15550009999", "--json")
    assert (found.exit_code, json.loads(found.stdout)["found"]) == (privacy.NOBODY, False)


async def test_a_dry_run_says_only_what_it_knows(run: Run):
    done = await run("erase", "+15550123456", "--dry-run", "--json")
    assert json.loads(done.stdout) == {"dry_run": True, "counts": {"crm": {"contacts": 1, "records": 2}}}
