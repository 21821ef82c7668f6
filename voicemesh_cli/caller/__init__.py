"""Playing a recording as a caller would, and measuring the answers: `place_call`. Knows of no user interface."""

from voicemesh_cli.caller.place import CallOptions, place_call
from voicemesh_cli.caller.recording import Recording, SpokenTurn, load_channels, load_recording
from voicemesh_cli.caller.report import CallerBegan, CallerEnded, CallReport, Moment, Observer, TurnReport

__all__ = [
    "CallOptions",
    "CallReport",
    "CallerBegan",
    "CallerEnded",
    "Moment",
    "Observer",
    "Recording",
    "SpokenTurn",
    "TurnReport",
    "load_channels",
    "load_recording",
    "place_call",
]
