"""A Pipecat bot as its own guide builds one, with the project's engines and an answer that takes no thinking.

Serves one websocket session after another on the loopback interface, each with a pipeline of its own, and prints
`ready ws://HOST:PORT` when the next one may connect. Ends on SIGTERM and SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from dataclasses import dataclass

import numpy as np
from engines import EspeakService, MoonshineService
from loguru import logger
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams
from pipecat.frames.frames import (
    Frame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.transports.websocket.server import (
    SingleClientWebsocketServerParams,
    SingleClientWebsocketServerTransport,
)
from pipecat.turns.user_stop import (
    BaseUserTurnStopStrategy,
    SpeechTimeoutUserTurnStopStrategy,
    TurnAnalyzerUserTurnStopStrategy,
)
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from services.asr.engines.moonshine import Moonshine, bundled_dir
from services.asr.model import SAMPLE_RATE_HZ
from services.tts.engines.espeak import EspeakSynthesizer
from services.tts.model import Delivery, Voice

HOST = "127.0.0.1"
ANSWER = "Thank you, I have noted that."
VOICE = "en-us"


class ScriptedAnswer(FrameProcessor):
    """In the place of the language model: answers every finished turn at once with one sentence."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer where a language model would be asked; pass everything else on."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        for answer in (LLMFullResponseStartFrame(), LLMTextFrame(ANSWER), LLMFullResponseEndFrame()):
            await self.push_frame(answer)


async def voice_detector(rate_hz: int) -> SileroVADAnalyzer:
    """Return Pipecat's voice activity detector with its defaults, run once: no caller waits for a first run."""
    detector = SileroVADAnalyzer(params=VADParams())
    detector.set_sample_rate(rate_hz)
    await detector.analyze_audio(bytes(2 * rate_hz))
    return detector


async def smart_turn(rate_hz: int) -> BaseUserTurnStopStrategy:
    """Return Pipecat's recommended way to end a turn, its Smart Turn model with its defaults, run once."""
    analyzer = LocalSmartTurnAnalyzerV3()
    analyzer.set_sample_rate(rate_hz)
    analyzer.append_audio(bytes(2 * rate_hz), is_speech=False)
    await analyzer.analyze_end_of_turn()
    analyzer.clear()
    return TurnAnalyzerUserTurnStopStrategy(turn_analyzer=analyzer)


async def speech_timeout(_rate_hz: int) -> BaseUserTurnStopStrategy:
    """Return Pipecat's other way to end a turn, by silence alone, with its defaults."""
    return SpeechTimeoutUserTurnStopStrategy()


TURN_TAKING = {"smart-turn": smart_turn, "speech-timeout": speech_timeout}


@dataclass(frozen=True)
class Bot:
    """What the sessions share: the engines, loaded once, and what every pipeline is made with."""

    recogniser: Moonshine
    speech: EspeakSynthesizer
    voice: Voice
    rate_hz: int
    turn_taking: str


async def session(bot: Bot, stopping: asyncio.Event) -> None:
    """Serve one caller, until the line drops or the bot is stopped."""
    port = _free_port()
    transport = SingleClientWebsocketServerTransport(
        SingleClientWebsocketServerParams(
            audio_in_enabled=True, audio_out_enabled=True, serializer=ProtobufFrameSerializer()
        ),
        host=HOST,
        port=port,
    )
    user, assistant = LLMContextAggregatorPair(
        LLMContext(),
        user_params=LLMUserAggregatorParams(
            vad_analyzer=await voice_detector(bot.rate_hz),
            user_turn_strategies=UserTurnStrategies(stop=[await TURN_TAKING[bot.turn_taking](bot.rate_hz)]),
        ),
    )
    worker = PipelineWorker(
        Pipeline(
            [
                transport.input(),
                MoonshineService(bot.recogniser),
                user,
                ScriptedAnswer(),
                EspeakService(bot.speech, bot.voice),
                transport.output(),
                assistant,
            ]
        ),
        # The answer goes out at the rate it is made in: nothing is resampled on its way.
        params=PipelineParams(audio_in_sample_rate=bot.rate_hz, audio_out_sample_rate=bot.voice.sample_rate_hz),
        enable_rtvi=False,
        idle_timeout_secs=None,
    )

    @transport.event_handler("on_websocket_ready")
    async def on_websocket_ready(_transport: SingleClientWebsocketServerTransport) -> None:
        print(f"ready ws://{HOST}:{port}", flush=True)

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(_transport: SingleClientWebsocketServerTransport, _websocket: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)

    async def cancel_when_stopped() -> None:
        await stopping.wait()
        await runner.cancel()

    async with asyncio.TaskGroup() as group:
        stopper = group.create_task(cancel_when_stopped())
        await runner.run()
        stopper.cancel()


async def serve(rate_hz: int, turn_taking: str) -> None:
    """Load the engines once, run each once, and serve until a signal comes."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    recogniser = Moonshine(bundled_dir(), threads=1)
    recogniser.transcribe(np.zeros(SAMPLE_RATE_HZ, np.float32), phrases=(), language="en", want_words=False)
    async with EspeakSynthesizer(max_waiting=64) as speech:
        voice = speech.find(VOICE)
        assert voice is not None
        async for _ in speech.synthesize(ANSWER, Delivery(voice)):
            pass
        bot = Bot(recogniser, speech, voice, rate_hz, turn_taking)
        while not stopping.is_set():
            await session(bot, stopping)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=16_000, choices=(8_000, 16_000), help="of the caller's audio, Hz")
    parser.add_argument("--turn-taking", default="smart-turn", choices=TURN_TAKING, help="how a turn ends")
    parser.add_argument("--log-level", default="ERROR", help="of Pipecat's log (default ERROR)")
    options = parser.parse_args()
    logger.remove()
    logger.add(sys.stderr, level=options.log_level)
    asyncio.run(serve(options.rate, options.turn_taking))


if __name__ == "__main__":
    main()
