"""Callers who type: what they wanted, and what they were told."""

import asyncio
from dataclasses import dataclass

import voicemesh_client as sdk

TENANT = "chaos"
SCRIPTS = {
    "clinic": ("I'd like to book a cleaning for Tuesday at ten in the morning.", "My name is Sarah Miller.", "Yes."),
    "shop": ("I want to return order A4512.", "It does not fit.", "Yes."),
}
_LIMIT_S = 300.0
_AGAIN_S = 0.5


@dataclass
class Call:
    """One call that began: it must leave one outcome."""

    number: int
    session_id: str
    ended: bool = False
    disposition: str = ""


async def place(number: int, targets: list[str]) -> list[Call]:
    """Place a call, again from its beginning when it breaks; return all that began."""
    domain = ("clinic", "shop")[number % 2]
    placed: list[Call] = []
    async with asyncio.timeout(_LIMIT_S), sdk.connect(targets) as mesh:
        while not (placed and placed[-1].ended):
            try:
                await _talk(mesh, number, domain, placed)
            except sdk.VoicemeshError:
                await asyncio.sleep(_AGAIN_S)
    return placed


async def _talk(mesh: sdk.Mesh, number: int, domain: str, placed: list[Call]) -> None:
    said = iter(SCRIPTS[domain])
    options = {"tenant_id": TENANT, "customer_id": f"C-{number}", "phone": f"+1555{number:07d}"}
    async with mesh.session(domain, **options) as session:
        async for event in session:
            if isinstance(event, sdk.SessionStarted) and all(call.session_id != event.session_id for call in placed):
                placed.append(Call(number, event.session_id))
            elif isinstance(event, sdk.AgentTurn):
                words = next(said, None)
                if words is None:
                    break
                await session.send_text(words)
        await session.end()
        async for event in session:
            if isinstance(event, sdk.SessionEnded):
                placed[-1].disposition = event.disposition.code if event.disposition else ""
    placed[-1].ended = True
