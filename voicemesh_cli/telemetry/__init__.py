"""The spans of a call: received by OTLP in this process, drawn as a waterfall in the terminal."""

from voicemesh_cli.telemetry.receiver import SpanReceiver, receiver
from voicemesh_cli.telemetry.spans import Span, Trace, new_traceparent
from voicemesh_cli.telemetry.waterfall import waterfall

__all__ = ["Span", "SpanReceiver", "Trace", "new_traceparent", "receiver", "waterfall"]
