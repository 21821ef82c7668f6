"""Run the service: `python -m services.nlu`."""

from mesh.runner import run
from services.nlu.app import build
from services.nlu.config import NluSettings

if __name__ == "__main__":
    run(NluSettings, build, service="nlu")
