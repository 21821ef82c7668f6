"""What a conversation can have done: look something up, change a booking. Found by name, done with a time limit."""

from services.dialogue.actions.catalogue import ActionCatalogue, installed_actions
from services.dialogue.actions.model import Act, ActionError, ActionSpec
from services.dialogue.actions.runner import Actions

__all__ = ["Act", "ActionCatalogue", "ActionError", "ActionSpec", "Actions", "installed_actions"]
