"""`python -m services.crm_gateway.simulator` serves the simulated business system on loopback."""

import argparse

import uvicorn

from services.crm_gateway.simulator.app import application
from services.crm_gateway.simulator.model import System


def main() -> None:
    """Serve until it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m services.crm_gateway.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=4180, help="0: any free one")
    parser.add_argument("--idempotent", action="store_true", help="take each Idempotency-Key once")
    options = parser.parse_args()
    system = System(idempotent=options.idempotent)
    uvicorn.run(application(system), host="127.0.0.1", port=options.port, log_level="info", access_log=False)


if __name__ == "__main__":
    main()
