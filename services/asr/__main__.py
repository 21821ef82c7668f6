"""Run the service: `python -m services.asr`."""

from mesh.runner import run
from services.asr.app import build
from services.asr.config import AsrSettings

if __name__ == "__main__":
    run(AsrSettings, build, service="asr")
