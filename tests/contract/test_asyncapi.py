"""The AsyncAPI document: its form, its references, and that it tells of every event what the contracts do."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from pydantic import BaseModel, ConfigDict, Field
from voicemesh.common.v1 import options_pb2
from voicemesh.common.v1.outcome_pb2 import CallOutcome, TurnSentiment
from voicemesh.common.v1.speech_pb2 import Sentiment, Slot
from voicemesh.events.v1.event_pb2 import CustomerReference, EventContext
from voicemesh.events.v2.call_completed_pb2 import CALL_DIRECTION_INBOUND, CallCompleted

from mesh.bus.catalogue import event_types, is_early
from mesh.bus.envelope import seal, subjects_of

_KEY = r"^[\w.\-]+$"
"""What AsyncAPI 3 permits as the name of a component."""


class Part(BaseModel):
    """A part of the document: extensions begin with `x-`, and nothing else is unknown."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    def model_post_init(self, _: Any) -> None:
        unknown = [name for name in self.model_extra or {} if not name.startswith("x-")]
        assert not unknown, f"{type(self).__name__} has no {unknown}"


class Reference(Part):
    ref: str = Field(alias="$ref", pattern=r"^#/")


class License(Part):
    name: str


class Info(Part):
    title: str
    version: str
    description: str
    license: License


class Server(Part):
    host: str
    protocol: Literal["nats"]
    description: str


class Parameter(Part):
    description: str
    examples: list[str] = []


class Channel(Part):
    address: str
    title: str
    description: str = Field(min_length=1)
    servers: list[Reference]
    parameters: dict[str, Reference | Parameter]
    messages: dict[str, Reference] = Field(min_length=1)


class Operation(Part):
    action: Literal["send", "receive"]
    channel: Reference
    messages: list[Reference] = Field(min_length=1)


class CorrelationId(Part):
    description: str
    location: str = Field(pattern=r"^\$message\.(header|payload)#/")


class Schema(Part):
    type: Literal["object", "array", "string", "number", "integer", "boolean"] | None = None
    ref: str | None = Field(None, alias="$ref", pattern=r"^#/")
    description: str = ""
    properties: dict[str, "Schema"] = {}
    required: list[str] = []
    items: "Schema | None" = None
    all_of: list["Schema"] = Field([], alias="allOf")
    additional_properties: "Schema | None" = Field(None, alias="additionalProperties")
    enum: list[str] = []
    const: str | None = None
    format: str = ""
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = Field(None, alias="minLength")
    max_length: int | None = Field(None, alias="maxLength")
    content_encoding: str = Field("", alias="contentEncoding")


class Example(Part):
    name: str
    summary: str
    payload: dict[str, Any]


class MessageObject(Part):
    name: str
    title: str
    summary: str = Field(min_length=1)
    description: str = ""
    content_type: Literal["application/protobuf"] = Field(alias="contentType")
    headers: Schema
    payload: Schema
    correlation_id: CorrelationId | None = Field(None, alias="correlationId")
    examples: list[Example] = []


class Components(Part):
    parameters: dict[str, Parameter]
    messages: dict[str, MessageObject]
    schemas: dict[str, Schema]


class AsyncApi(Part):
    asyncapi: Literal["3.0.0"]
    info: Info
    default_content_type: str = Field(alias="defaultContentType")
    servers: dict[str, Server]
    channels: dict[str, Channel]
    operations: dict[str, Operation]
    components: Components


_DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT: dict[str, Any] = yaml.safe_load((_DOCS / "asyncapi.yaml").read_text())
EVENTS = event_types()


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
        if isinstance(found, dict) and "$ref" in found and step != reference.rpartition("/")[2]:
            found = resolved(found["$ref"])
    return found


def test_it_has_the_form_of_asyncapi_3() -> None:
    document = AsyncApi.model_validate(DOCUMENT)
    names = [*document.components.messages, *document.components.schemas, *document.servers]
    assert all(re.fullmatch(_KEY, name) for name in names)
    for operation in document.operations.values():
        channel = resolved(operation.channel.ref)
        for message in operation.messages:
            assert message.ref.startswith(f"{operation.channel.ref}/messages/")
            assert message.ref.rpartition("/")[2] in channel["messages"]
    for channel in document.channels.values():
        assert set(channel.parameters) == {part.partition("}")[0] for part in channel.address.split("{")[1:]}


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 100
    for reference in found:
        assert resolved(reference), reference


def test_every_event_is_in_it_with_its_subject_its_stream_and_its_profile() -> None:
    messages, channels = DOCUMENT["components"]["messages"], DOCUMENT["channels"]
    assert set(messages) == {*EVENTS, "DeadLetter"}
    for name, kind in EVENTS.items():
        assert channels[name]["address"] == subjects_of([kind], "*")[0].replace("*", "{region}")
        assert channels[name]["x-stream"] == ("VOICEMESH_EARLY" if is_early(kind) else "VOICEMESH_EVENTS")
        assert messages[name]["x-profile"] == ("early" if is_early(kind) else "final")
        assert f"publish.{name}" in DOCUMENT["operations"]
    v2 = messages["voicemesh.events.v2.CallCompleted"]
    assert v2["x-converted-from"] == ["voicemesh.events.v1.CallCompleted"]


def test_the_page_on_events_lists_every_event() -> None:
    rows = [line for line in (_DOCS / "events.md").read_text().splitlines() if line.startswith("| `")]
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert {kind.DESCRIPTOR.name for kind in EVENTS.values()} <= listed


@pytest.mark.parametrize("kind", EVENTS.values(), ids=EVENTS)
def test_every_field_is_described_and_what_is_sensitive_is_marked(kind: type[Message]) -> None:
    pending, seen = [kind.DESCRIPTOR], set()
    while pending:
        descriptor = pending.pop()
        if descriptor.full_name in seen or descriptor.full_name.startswith("google.protobuf."):
            continue
        seen.add(descriptor.full_name)
        schema = DOCUMENT["components"]["schemas"][descriptor.full_name]
        assert schema["description"]
        assert set(schema["properties"]) == {field.name for field in descriptor.fields}
        for field in descriptor.fields:
            told = schema["properties"][field.name]
            assert told["description"], field.full_name
            sensitivity = field.GetOptions().Extensions[options_pb2.sensitivity]
            assert told.get("x-sensitivity", "unspecified") == (
                options_pb2.Sensitivity.Name(sensitivity).removeprefix("SENSITIVITY_").lower()
            ), field.full_name
            if field.message_type is not None and not field.message_type.GetOptions().map_entry:
                pending.append(field.message_type)


def test_every_event_has_an_example_that_is_one() -> None:
    for name, kind in EVENTS.items():
        (example,) = DOCUMENT["components"]["messages"][name]["examples"]
        check(example["payload"], {"$ref": f"#/components/schemas/{name}"}, name)
        event = ParseDict(example["payload"], kind())
        assert seal(event).headers["ce-type"] == name


@pytest.mark.parametrize("lacking", ["event_id", "tenant_id", "region"])
def test_a_context_must_say_what_the_bus_asks_of_it(lacking: str) -> None:
    schema = {"$ref": "#/components/schemas/voicemesh.events.v1.EventContext"}
    told = {"event_id": "e1", "tenant_id": "clinic", "region": "eu-west"}
    check(told, schema, "context")
    for wrong in ({name: value for name, value in told.items() if name != lacking}, told | {lacking: ""}):
        with pytest.raises(AssertionError):
            check(wrong, schema, "context")
    with pytest.raises(AssertionError):
        check(told | {"region": "EU West"}, schema, "context")


def test_an_event_as_json_is_what_its_schema_says() -> None:
    context = EventContext(
        event_id="e1", tenant_id="clinic", region="local", customer=CustomerReference(name="Sarah"), confidence=0.5
    )
    context.occurred_at.GetCurrentTime()
    context.audio_offset.FromMilliseconds(1500)
    event = CallCompleted(
        context=context,
        direction=CALL_DIRECTION_INBOUND,
        served_intents=["book_appointment"],
        slots=[Slot(name="service", confirmed=True)],
        outcome=CallOutcome(sentiments=[TurnSentiment(turn_id="c1", sentiment=Sentiment(score=-0.25))]),
        caller_turns=2,
    )
    event.transcript.size = 7
    as_json = MessageToDict(event, preserving_proto_field_name=True)
    check(as_json, {"$ref": "#/components/schemas/voicemesh.events.v2.CallCompleted"}, "event")
    headers = DOCUMENT["components"]["schemas"]["CloudEventHeaders"]
    sealed = {"ce-source": "/voicemesh/dialogue", **seal(event).headers}
    assert set(headers["required"]) <= set(sealed) <= set(headers["properties"])


_TYPES = {"object": dict, "array": list, "string": str, "number": float | int, "integer": int, "boolean": bool}


def check(value: Any, schema: dict[str, Any], where: str) -> None:
    """Hold a value against a schema: types, properties, what is required, enumerations."""
    if "$ref" in schema:
        return check(value, resolved(schema["$ref"]), where)
    for each in schema.get("allOf", ()):
        check(value, each, where)
    if "type" in schema:
        assert isinstance(value, _TYPES[schema["type"]]), where
    assert value in schema.get("enum", [value]), where
    if isinstance(value, str):
        assert re.search(schema.get("pattern", ""), value), where
        assert len(value) >= schema.get("minLength", 0), where
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", ())) <= set(value) <= set(schema["properties"]), where
        for name, each in value.items():
            check(each, schema["properties"][name], f"{where}.{name}")
    for index, each in enumerate(value if isinstance(value, list) else ()):
        check(each, schema["items"], f"{where}[{index}]")
    return None
