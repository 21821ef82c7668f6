"""Which events there are: every message with an `EventContext` in the packages `voicemesh.events.vN`.

A new file in `proto/voicemesh/events/` is known wherever its stubs are; nothing is registered by hand.
"""

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from voicemesh.events.v1 import profile_pb2
from voicemesh.events.v1.event_pb2 import EventContext

PACKAGE = "voicemesh.events"
_VERSION = re.compile(r"v\d+")
_SUFFIX = "_pb2"


@functools.cache
def event_types() -> dict[str, type[Message]]:
    """Give every event's class by its full name, sorted by it. Importing their modules makes them known by name."""
    found = {
        descriptor.full_name: message_factory.GetMessageClass(descriptor)
        for module in event_modules()
        for descriptor in module.DESCRIPTOR.message_types_by_name.values()
        if is_event(descriptor)
    }
    return dict(sorted(found.items()))


def event_type(full_name: str) -> type[Message]:
    """Give an event's class by its full name, such as `voicemesh.events.v1.CallCompleted`.

    Raises:
        LookupError: there is no such event.
    """
    found = event_types().get(full_name)
    if found is None:
        raise LookupError(f"there is no event {full_name}")
    return found


def is_event(descriptor: Descriptor) -> bool:
    """Say whether a message is an event: it carries an `EventContext` named `context`."""
    field = descriptor.fields_by_name.get("context")
    return field is not None and field.message_type is EventContext.DESCRIPTOR


def is_early(kind: type[Message]) -> bool:
    """Say whether an event is of the early profile: told before anything is certain, and not kept for long."""
    return kind.DESCRIPTOR.GetOptions().Extensions[profile_pb2.profile] == profile_pb2.EVENT_PROFILE_EARLY


@functools.cache
def event_modules() -> tuple[ModuleType, ...]:
    """Import the stubs of every version of the events, sorted by name."""
    return tuple(importlib.import_module(name) for name in sorted(set(_module_names())))


def _module_names() -> Iterator[str]:
    # The stubs' folders are namespace packages, which pkgutil does not look into by itself.
    for place in importlib.import_module(PACKAGE).__path__:
        for folder in Path(place).iterdir():
            if _VERSION.fullmatch(folder.name):
                for module in pkgutil.iter_modules([str(folder)]):
                    if module.name.endswith(_SUFFIX):
                        yield f"{PACKAGE}.{folder.name}.{module.name}"
