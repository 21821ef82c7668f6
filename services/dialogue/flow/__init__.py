"""The flow engine: reads YAML flows and drives a conversation turn by turn. Pure and synchronous."""

from services.dialogue.flow.catalogue import installed_policy
from services.dialogue.flow.engine import FlowPolicy
from services.dialogue.flow.load import load, load_text
from services.dialogue.flow.mistakes import FlowFileError
from services.dialogue.flow.templates import FlowRunError

__all__ = ["FlowFileError", "FlowPolicy", "FlowRunError", "installed_policy", "load", "load_text"]
