"""`python -m services.crm_gateway`: runs the gateway's hot path."""

from mesh.runner import run
from services.crm_gateway.app import build
from services.crm_gateway.config import CrmSettings

if __name__ == "__main__":
    run(CrmSettings, build, service="crm")
