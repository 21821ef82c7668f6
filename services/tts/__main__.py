"""`python -m services.tts`: runs text to speech."""

from mesh.runner import run
from services.tts.app import build
from services.tts.config import TtsSettings

if __name__ == "__main__":
    run(TtsSettings, build, service="tts")
