"""`python -m services.crm_gateway.sync`: runs the sync process."""

from mesh.runner import run
from services.crm_gateway.config import CrmSyncSettings
from services.crm_gateway.sync.app import build

if __name__ == "__main__":
    run(CrmSyncSettings, build, service="crm-sync")
