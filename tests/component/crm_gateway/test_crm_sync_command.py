"""`voicemesh crm sync` and `voicemesh crm contact` against a gateway that takes in what a business system says."""

import asyncio
import json
from pathlib import Path
from typing import Any

import typer
from fakes.background import eventually
from fakes.crm_world import settings, sync_settings
from fakes.nats_server import NatsServer
from fakes.simulator import simulator
from typer.testing import CliRunner, Result

from mesh.testing import serve
from services.crm_gateway.app import build
from services.crm_gateway.simulator.model import Faults
from services.crm_gateway.sync.app import build as build_sync
from voicemesh_cli.commands import crm

PHONE = "+15550000001"
SARAH = {"external_id": "sarah", "name": "Sarah [Miller]", "phones": [PHONE], "emails": [], "stage": "customer"}
DEAL = {"external_id": "X-1", "title": "A new roof", "state": "offer", "open": True, "amount": "900", "currency": "EUR"}


async def run(address: str, *arguments: str) -> Result:
    """Run a command in a thread of its own: it has a loop of its own."""
    app = typer.Typer()
    crm.register(app)
    environment = {"VOICEMESH_CRM_TARGET": address, "VOICEMESH_TENANT": "clinic", "COLUMNS": "200"}
    return await asyncio.to_thread(CliRunner().invoke, app, ["crm", *arguments], env=environment)


async def document(address: str, *arguments: str) -> dict[str, Any]:
    result = await run(address, *arguments, "--json")
    assert result.exit_code == 0, result.output
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


async def test_what_was_taken_in_is_shown_and_read_again(tmp_path: Path, nats: NatsServer) -> None:
    async with simulator() as there, serve(build, settings(tmp_path, nats_url=nats.url), service="crm") as hot:
        contact = there.system.add("contacts", {**SARAH, "customer_id": "c-1"})
        there.system.add("deals", {**DEAL, "contact_id": contact["id"]})
        assert "VOICEMESH_CRM_SYNC_TENANT" in (await run(hot.address, "sync", "status")).stdout
        sync = sync_settings(
            tmp_path, nats_url=nats.url, crm_vendor="simulator", crm_url=there.url, crm_sync_tenant="clinic"
        )
        async with serve(build_sync, sync, service="crm-sync"):

            async def read() -> bool:
                return any("complete_at" in each for each in (await document(hot.address, "sync", "status"))["systems"])

            await eventually(read)
        (state,) = (await document(hot.address, "sync", "status"))["systems"]
        assert (state["vendor"], state["cursor"], state["applied"], state["refused"]) == ("simulator", "2", 2, 0)
        assert state["behind_s"] >= 0
        assert (
            "2 taken in, 0 said nothing new, 0 could not be read" in (await run(hot.address, "sync", "status")).stdout
        )

        shown = (await run(hot.address, "contact", PHONE)).stdout
        for words in (
            "Sarah [Miller]",
            "in simulator",
            f"{contact['id']}, customer",
            "offer deal",
            "900 EUR",
            "pending",
        ):
            assert words in shown, words
        found = await document(hot.address, "contact", "c-1")
        assert (found["schema_version"], found["links"][0]["vendor_contact_id"]) == (2, contact["id"])

        assert "it had come to 2" in (await run(hot.address, "sync", "restart", "simulator")).stdout
        assert "cursor" not in (await document(hot.address, "sync", "status"))["systems"][0]
        failed = await run(hot.address, "sync", "restart", "nobody", "--json")
        assert (failed.exit_code, json.loads(failed.stdout)["error"]["reason"]) == (1, "NOT_FOUND")


async def test_the_last_error_is_shown(tmp_path: Path, nats: NatsServer) -> None:
    sync = {"crm_vendor": "simulator", "crm_sync_tenant": "clinic", "crm_retry_limit_s": 0.5}
    async with (
        simulator(Faults(broken=1.0)) as there,
        serve(build, settings(tmp_path, nats_url=nats.url), service="crm") as hot,
        serve(build_sync, sync_settings(tmp_path, nats_url=nats.url, crm_url=there.url, **sync), service="crm-sync"),
    ):

        async def failed() -> bool:
            return any(each["failures"] for each in (await document(hot.address, "sync", "status"))["systems"])

        await eventually(failed)
        assert "it answers 500" in (await run(hot.address, "sync", "status")).stdout
        there.system.misbehave(Faults())

        async def works() -> bool:
            return "last_error" not in (await document(hot.address, "sync", "status"))["systems"][0]

        await eventually(works)
