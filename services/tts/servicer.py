"""Between the protos and the domain, and nothing else."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import grpc
from voicemesh.common.v1.audio_pb2 import Word
from voicemesh.tts.v1 import tts_pb2
from voicemesh.tts.v1 import tts_service_pb2 as pb
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceServicer

from mesh.contexts import StreamContext
from mesh.durations import to_duration
from services.tts.handlers import TextToSpeech
from services.tts.messages import AddText, Audio, Cancel, Command, Configure, Done, End, Event, Flush, Words
from services.tts.model import Voice, WordTime

_SPEAKER = "agent"

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class TtsServicer(TtsServiceServicer):
    """Implements voicemesh.tts.v1.TtsService."""

    def __init__(self, handlers: TextToSpeech) -> None:
        self._handlers = handlers

    async def StreamingSynthesize(
        self, request_iterator: AsyncIterator[pb.StreamingSynthesizeRequest], _: Context
    ) -> AsyncIterator[pb.StreamingSynthesizeResponse]:
        """Speak text while it is written."""
        sequence, sent_s = 0, 0.0
        stream = self._handlers.stream()
        async with contextlib.aclosing(stream.events(_commands(request_iterator))) as events:
            async for event in events:
                if isinstance(event, Done):
                    sent_s += event.duration_s
                place_s = sent_s + (event.offset_s if isinstance(event, Audio) else 0.0)
                yield _response(sequence, place_s, event)
                sequence += 1

    async def Synthesize(self, request: pb.SynthesizeRequest, _: Context) -> pb.SynthesizeResponse:
        """Speak a text as a whole."""
        speech = await self._handlers.synthesize(_configure(request.config), request.text)
        return pb.SynthesizeResponse(
            audio=speech.audio,
            audio_format=request.config.audio_format,
            words=map(_word, speech.words),
            duration=to_duration(speech.duration_s),
        )

    async def ListVoices(self, request: pb.ListVoicesRequest, _: Context) -> pb.ListVoicesResponse:
        """List the voices."""
        return pb.ListVoicesResponse(voices=map(_voice, self._handlers.voices(request.language)))


async def _commands(requests: AsyncIterator[pb.StreamingSynthesizeRequest]) -> AsyncIterator[Command]:
    whose = StreamContext()
    async for request in requests:
        if request.HasField("config"):
            whose.take(request.config.context)
        yield _command(request)


def _command(request: pb.StreamingSynthesizeRequest) -> Command:
    match request.WhichOneof("request"):
        case "config":
            return _configure(request.config)
        case "text":
            return AddText(request.text.utterance_id, request.text.text)
        case "flush":
            return Flush(request.flush.utterance_id)
        case "cancel":
            return Cancel(request.cancel.utterance_id)
        case _:
            return End()


def _configure(config: tts_pb2.SynthesisConfig) -> Configure:
    return Configure(
        language=config.context.language,
        audio_format=config.audio_format,
        voice=config.voice,
        rate=config.speaking_rate if config.HasField("speaking_rate") else 1.0,
        pitch_semitones=config.pitch_semitones,
    )


def _response(sequence: int, place_s: float, event: Event) -> pb.StreamingSynthesizeResponse:
    response = pb.StreamingSynthesizeResponse(sequence=sequence, audio_offset=to_duration(place_s))
    if isinstance(event, Audio):
        response.audio.CopyFrom(
            tts_pb2.SpeechAudio(utterance_id=event.utterance_id, data=event.data, offset=to_duration(event.offset_s))
        )
    elif isinstance(event, Words):
        response.words.CopyFrom(tts_pb2.WordTimes(utterance_id=event.utterance_id, words=map(_word, event.words)))
    else:
        response.done.CopyFrom(_done(event))
    return response


def _done(event: Done) -> tts_pb2.UtteranceDone:
    done = tts_pb2.UtteranceDone(
        utterance_id=event.utterance_id, duration=to_duration(event.duration_s), cancelled=event.cancelled
    )
    if event.first_audio_after_s is not None:
        done.first_audio_after.CopyFrom(to_duration(event.first_audio_after_s))
    return done


def _word(word: WordTime) -> Word:
    return Word(text=word.text, start=to_duration(word.start_s), end=to_duration(word.end_s), speaker=_SPEAKER)


def _voice(voice: Voice) -> tts_pb2.Voice:
    return tts_pb2.Voice(
        name=voice.name,
        engine=voice.engine,
        languages=voice.languages,
        sample_rate_hz=voice.sample_rate_hz,
    )
