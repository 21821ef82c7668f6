"""A process with an outbox, to be killed: ``python outbox_process.py DATABASE_URL NATS_URL ADD RELAY``.

Adds ADD events, says so on stdout, then relays them when RELAY is 1, and waits to be killed either way.
"""

import asyncio
import sys

import sqlalchemy as sa
from voicemesh.events.v1.business_events_pb2 import AppointmentRequested
from voicemesh.events.v1.event_pb2 import EventContext

from mesh import bus as mesh_bus
from mesh.database import database, transaction
from mesh.outbox import Outbox, outbox_table

metadata = sa.MetaData()
table = outbox_table(metadata, "test_outbox")


async def main(database_url: str, nats_url: str, count: int, *, relay: bool) -> None:
    async with database(database_url) as engine:
        async with transaction(engine) as connection:
            await connection.run_sync(metadata.create_all)
        outbox = Outbox(engine, table)
        async with outbox.transaction() as connection:
            for number in range(count):
                context = EventContext(event_id=f"event-{number}", tenant_id="t", region="local")
                await outbox.add(connection, AppointmentRequested(context=context))
        sys.stdout.write("added\n")
        sys.stdout.flush()
        if not relay:
            await asyncio.Event().wait()
        async with mesh_bus.connect(nats_url, source="/voicemesh/test") as bus:
            await outbox.run(bus)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), relay=sys.argv[4] == "1"))
