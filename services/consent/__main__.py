"""`python -m services.consent`: runs the consent service."""

from mesh.runner import run
from services.consent.app import build
from services.consent.config import ConsentSettings

if __name__ == "__main__":
    run(ConsentSettings, build, service="consent")
