"""The simulated business system tells of changes: signed webhooks, sent again until taken, with their own faults."""

import asyncio
import json
import time
from typing import Any

import aiohttp
from pydantic import BaseModel, ConfigDict, Field

from mesh.backoff import backoff_s
from services.crm_gateway.simulator.model import Kind, System, change
from services.crm_gateway.standard_webhooks import ID, SIGNATURE, TIMESTAMP, key_of, sign

_WAITING = 10_000
_ATTEMPTS = 8
_TIMEOUT_S = 10.0
_LATE_S = 0.5


class Target(BaseModel):
    """Where changes are told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field("", description="empty: nowhere")
    secret: str = Field("", description="key of the signature, base64")


class Webhooks:
    """Sends one message for each change.

    At most 10,000 wait; when there are more, the newest is not sent: `/changes` has it. One that is not taken in
    eight attempts is given up.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._target = Target()
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_WAITING)
        system.changed = self._on_change

    def tell(self, target: Target) -> None:
        """Tell of changes there from now on. Raises ``ValueError`` for a secret that is none."""
        if target.url:
            key_of(target.secret)
        self._target = target

    def _on_change(self, kind: Kind, item: dict[str, Any]) -> None:
        if not self._target.url or self._system.chance(self._system.faults.webhook_lost):
            return
        message = (f"msg_{item['id']}_{item['revision']}", json.dumps(change(kind, item)).encode())
        if not self._queue.full():
            self._queue.put_nowait(message)

    async def run(self) -> None:
        """Send, for ever."""
        timeout = aiohttp.ClientTimeout(_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            late: list[tuple[str, bytes]] = []
            while True:
                try:
                    async with asyncio.timeout(_LATE_S if late else None):
                        message = await self._queue.get()
                except TimeoutError:
                    await self._deliver(session, late.pop())
                    continue
                if not late and self._system.chance(self._system.faults.webhook_late):
                    late.append(message)
                    continue
                await self._deliver(session, message)
                if late:
                    await self._deliver(session, late.pop())

    async def _deliver(self, session: aiohttp.ClientSession, message: tuple[str, bytes]) -> None:
        await self._send(session, *message)
        if self._system.chance(self._system.faults.webhook_twice):
            await self._send(session, *message)

    async def _send(self, session: aiohttp.ClientSession, message_id: str, body: bytes) -> None:
        """Send one message until it is taken, each time with the time of the attempt."""
        for attempt in range(1, _ATTEMPTS + 1):
            self._system.requests["webhook"] += 1
            timestamp = str(int(time.time()))
            headers = {
                "content-type": "application/json",
                ID: message_id,
                TIMESTAMP: timestamp,
                SIGNATURE: sign(key_of(self._target.secret), message_id, timestamp, body),
            }
            try:
                async with session.post(self._target.url, data=body, headers=headers) as answer:
                    self._system.requests[f"webhook {answer.status}"] += 1
                    if 200 <= answer.status < 300:
                        return
            except (aiohttp.ClientError, TimeoutError):
                self._system.requests["webhook unanswered"] += 1
            await asyncio.sleep(backoff_s(attempt, first_s=0.1, limit_s=2.0))
