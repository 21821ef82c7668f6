"""A call in Spanish through the whole mesh with its real engines, and languages that are not served."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator

import grpc
import numpy as np
import pytest
import pytest_asyncio
from fakes.whole_mesh import WholeMesh, whole_mesh
from voicemesh.common.v1 import audio_pb2, context_pb2, error_pb2
from voicemesh.dialogue.v1 import dialogue_pb2
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest, ConverseResponse
from voicemesh.dialogue.v1.dialogue_service_pb2_grpc import DialogueServiceStub
from voicemesh.tts.v1 import tts_pb2
from voicemesh.tts.v1.tts_service_pb2 import SynthesizeRequest
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceStub

from mesh.errors import ErrorReason, MeshError, from_rpc_error

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = 16_000
PCM16 = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM16, sample_rate_hz=RATE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WholeMesh]:
    async with whole_mesh(tmp_path_factory.mktemp("mesh")) as running:
        yield running


def context(language: str) -> context_pb2.RequestContext:
    return context_pb2.RequestContext(tenant_id="default", region="local", correlation_id="es", language=language)


def start(language: str, *, spoken: bool = False, heard: bool = True, domain: str = "clinic") -> ConverseRequest:
    return ConverseRequest(
        start=dialogue_pb2.StartSession(
            context=context(language),
            domain=domain,
            input_audio=PCM16 if spoken else None,
            output_audio=PCM16 if heard else None,
            direction=dialogue_pb2.DIRECTION_INBOUND,
        )
    )


class Talk:
    """A call by keyboard: what the agent says and what came of it."""

    def __init__(self, call: grpc.aio.StreamStreamCall) -> None:
        self._call = call
        self.said: list[str] = []
        self.audio: list[bytes] = []
        self.intents: list[str] = []
        self.ended: dialogue_pb2.SessionEnded | None = None
        self._open = ""
        self.refused: list[error_pb2.Error] = []

    async def write(self, text: str) -> None:
        await self._call.write(ConverseRequest(text=dialogue_pb2.CallerText(text=text)))

    async def go_over_to(self, language: str) -> None:
        await self._call.write(ConverseRequest(update=dialogue_pb2.UpdateSession(language=language)))

    async def read(self) -> ConverseResponse:
        response = await self._call.read()
        assert response is not grpc.aio.EOF, "the call broke off without an end"
        self._take(response)
        return response

    async def listen(self) -> str:
        """Take what comes until the agent has finished a turn or the call is over; return the agent's last words."""
        while True:
            response = await self.read()
            if response.HasField("ended"):
                return self.said[-1]
            # Who types while the agent speaks interrupts: the turn before ends once more.
            if response.HasField("agent_turn_ended") and response.agent_turn_ended.turn_id == self._open:
                self._open = ""
                return self.said[-1]

    async def listen_to_the_end(self) -> None:
        while self.ended is None:
            await self.listen()

    def _take(self, response: ConverseResponse) -> None:
        if response.HasField("agent_turn"):
            self._open = response.agent_turn.turn_id
            self.said.append(response.agent_turn.text)
            self.audio.append(b"")
        elif response.HasField("agent_audio"):
            self.audio[-1] += response.agent_audio.data
        elif response.HasField("understanding"):
            self.intents.append(response.understanding.intent)
        elif response.HasField("error"):
            self.refused.append(response.error)
        elif response.HasField("ended"):
            self.ended = response.ended


@contextlib.asynccontextmanager
async def talking(mesh: WholeMesh, request: ConverseRequest) -> AsyncIterator[Talk]:
    async with grpc.aio.insecure_channel(mesh.dialogue) as channel:
        call = DialogueServiceStub(channel).Converse()
        await call.write(request)
        yield Talk(call)
        call.cancel()


async def spoken(mesh: WholeMesh, text: str, voice: str) -> bytes:
    """What a voice makes of a text."""
    async with grpc.aio.insecure_channel(mesh.tts) as channel:
        config = tts_pb2.SynthesisConfig(context=context("es-MX"), audio_format=PCM16, voice=voice)
        return (await TtsServiceStub(channel).Synthesize(SynthesizeRequest(config=config, text=text))).audio


def alike(one: bytes, other: bytes) -> float:
    """Correlation of the first second of two recordings."""
    a, b = (np.frombuffer(data, "<i2")[:RATE].astype(float) for data in (one, other))
    size = min(len(a), len(b))
    return float(np.corrcoef(a[:size], b[:size])[0, 1])


async def test_an_appointment_is_booked_in_spanish_by_a_spanish_voice(mesh: WholeMesh) -> None:
    async with talking(mesh, start("es-MX")) as talk:
        greeting = await talk.listen()
        assert greeting.startswith("Clínica dental Sonrisa, buen")
        await talk.write("Quisiera una limpieza para el próximo martes a las diez de la mañana.")
        assert (
            await talk.listen() == "Una limpieza para el martes a las 10 de la mañana. ¿Me dice su nombre y apellido?"
        )
        await talk.write("Me llamo María López.")
        assert (await talk.listen()).startswith("Gracias, María. Una limpieza para el martes ")
        await talk.write("No, perdón, dije el jueves.")
        assert (await talk.listen()).startswith("El jueves ")
        await talk.write("Sí, es correcto.")
        assert await talk.listen() == "Su cita queda reservada. ¿Algo más?"
        await talk.write("No, muchas gracias, adiós.")
        await talk.listen_to_the_end()
    assert talk.said[-1] == "Hasta luego, María."
    assert talk.ended is not None
    assert talk.ended.disposition.code == "appointment_booked"
    assert talk.ended.disposition.summary.startswith("María López pidió una limpieza para el jueves ")
    slots = {slot.name: slot.value for slot in talk.ended.disposition.slots}
    assert (slots["service"], slots["time"], slots["name"]) == ("cleaning", "10:00", "María López")
    sentence = "Su cita queda reservada."
    said = talk.audio[talk.said.index(f"{sentence} ¿Algo más?")]
    assert alike(said, await spoken(mesh, sentence, "es-419")) > 0.9
    assert alike(said, await spoken(mesh, sentence, "en-us")) < 0.9


async def test_a_complaint_is_logged_in_spanish(mesh: WholeMesh) -> None:
    async with talking(mesh, start("es", heard=False, domain="shop")) as talk:
        assert (await talk.listen()).startswith("Tienda Viento Norte, ")
        for words in (
            "Hola, mi pedido llegó dañado y quiero poner un reclamo.",
            "El número de pedido es B de burro siete tres uno dos.",
            "La pantalla de la tableta está rota.",
        ):
            await talk.write(words)
            await talk.listen()
        assert talk.said[-1] == "Un reclamo sobre el pedido B 7 3 1 2: artículo dañado. ¿Lo registro?"
        await talk.write("Sí, por favor.")
        await talk.listen()
        await talk.write("No, eso es todo. Adiós.")
        await talk.listen_to_the_end()
    assert talk.ended is not None
    assert talk.ended.disposition.code == "complaint_logged"


async def refusal(mesh: WholeMesh, request: ConverseRequest) -> MeshError:
    async with talking(mesh, request) as talk:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await talk.listen_to_the_end()
    return from_rpc_error(caught.value)


async def test_a_language_that_the_domain_does_not_speak_is_refused_with_those_it_does(mesh: WholeMesh) -> None:
    error = await refusal(mesh, start("fr-CA"))
    assert error.reason == ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE
    assert error.metadata == {"language": "fr-CA", "supported": "en,es"}
    assert error.message == "language 'fr-CA' is not spoken here; use one of en, es"


async def test_spanish_by_voice_is_refused_where_the_recogniser_knows_none(mesh: WholeMesh) -> None:
    error = await refusal(mesh, start("es-MX", spoken=True))
    assert error.reason == ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE
    assert error.metadata == {"language": "es-MX", "supported": "en"}
    assert "speak one of en, or send text" in error.message


@pytest.mark.parametrize("as_json", [False, True])
async def test_the_command_line_says_in_a_sentence_which_languages_there_are(mesh: WholeMesh, as_json: bool) -> None:
    command = ["-m", "voicemesh_cli", "talk", "--text", "--language", "fr-CA", "--target", mesh.dialogue]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        *["--json"] * as_json,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode not in {0, None}
    sentence = "language 'fr-CA' is not spoken here; use one of en, es"
    if as_json:
        error = json.loads(out)["error"]
        assert (error["reason"], error["metadata"]["supported"]) == ("UNRECOGNIZED_LANGUAGE", "en,es")
        assert sentence in error["message"]
    else:
        assert sentence in " ".join(errors.decode().split())
        assert "Traceback" not in errors.decode()


async def test_a_spoken_call_that_cannot_go_over_to_spanish_goes_on_as_it_was(mesh: WholeMesh) -> None:
    async with talking(mesh, start("en-US", spoken=True, heard=False)) as talk:
        await talk.listen()
        await talk.go_over_to("es-MX")
        while not talk.refused:
            await talk.read()
        await talk.write("What are your opening hours?")
        assert (await talk.listen()).startswith("We're open Monday to Thursday")
    (error,) = talk.refused
    assert error.reason == ErrorReason.ERROR_REASON_UNRECOGNIZED_LANGUAGE
    assert error.metadata["supported"] == "en"


async def test_a_typed_call_goes_over_to_spanish(mesh: WholeMesh) -> None:
    async with talking(mesh, start("en-US", heard=False)) as talk:
        assert (await talk.listen()).startswith("Bright Smile Dental.")
        await talk.go_over_to("es-MX")
        await talk.write("¿Cuánto cuesta una limpieza?")
        assert (await talk.listen()).startswith("Una limpieza cuesta 90 dólares.")
    assert not talk.refused
