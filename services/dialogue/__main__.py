"""Runs the dialogue service."""

from mesh.runner import run
from services.dialogue.app import build
from services.dialogue.config import DialogueSettings

if __name__ == "__main__":
    run(DialogueSettings, build, service="dialogue")
