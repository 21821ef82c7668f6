"""The gateway's leases: one process at a time may do something, and another takes over when it is gone."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from mesh import leases
from services.crm_gateway.adapters import tables


class Lease(leases.Lease):
    """A right of one of the gateway's processes; `mesh.leases.Lease` says more."""

    def __init__(self, engine: AsyncEngine, name: str, holder: str, length: timedelta) -> None:
        super().__init__(engine, tables.leases, name, holder, length)
