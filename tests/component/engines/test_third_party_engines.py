"""A package of somebody else's, installed with pip, brings an engine of each kind; our tree is not touched."""

import os
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from voicemesh.asr.v1.asr_service_pb2 import ListEnginesRequest, RecognizeRequest
from voicemesh.asr.v1.asr_service_pb2_grpc import AsrServiceStub
from voicemesh.common.v1 import audio_pb2, context_pb2
from voicemesh.nlu.v1.nlu_service_pb2 import ParseTextRequest
from voicemesh.nlu.v1.nlu_service_pb2_grpc import NluServiceStub
from voicemesh.tts.v1 import tts_pb2
from voicemesh.tts.v1.tts_service_pb2 import SynthesizeRequest
from voicemesh.tts.v1.tts_service_pb2_grpc import TtsServiceStub

from voicemesh_cli.launcher import LaunchOptions, launch
from voicemesh_cli.launcher.options import SERVICES
from voicemesh_client import read_wav

PACKAGE = Path(__file__).parents[2] / "fakes" / "tiny_engines"
RECORDING = Path(__file__).parents[3] / "examples" / "recordings" / "clinic-booking.wav"
PCM = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM16, sample_rate_hz=16_000)
ESPERANTO = context_pb2.RequestContext(tenant_id="t", region="local", correlation_id="c", language="eo")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(folder), str(PACKAGE)], check=True)
    return folder


async def test_a_third_party_engine_of_each_kind_is_chosen_by_configuration(installed: Path, tmp_path: Path):
    options = LaunchOptions(
        state_dir=tmp_path,
        services=tuple(spec for spec in SERVICES if spec.name in {"asr", "nlu", "tts"}),
        with_broker=False,
        env={
            "PYTHONPATH": os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")]),
            **{f"VOICEMESH_{kind}_ENGINE": "tiny" for kind in ("ASR", "NLU", "TTS")},
        },
    )
    async with launch(options) as mesh:
        async with grpc.aio.insecure_channel(mesh.addresses["asr"]) as channel:
            asr = AsrServiceStub(channel)
            assert [engine.name for engine in (await asr.ListEngines(ListEnginesRequest())).engines] == ["tiny"]
            wav = read_wav(RECORDING)
            request = RecognizeRequest(context=ESPERANTO, audio_format=PCM, audio=bytes(wav.data)[: 16_000 * 2 * 5])
            heard = (await asr.Recognize(request)).transcripts
            assert heard
            assert {transcript.text for transcript in heard} == {"heard something"}
        async with grpc.aio.insecure_channel(mesh.addresses["nlu"]) as channel:
            parse = (
                await NluServiceStub(channel).ParseText(
                    ParseTextRequest(context=ESPERANTO, domain="tiny", text="saluton")
                )
            ).parse
            assert (parse.engine, parse.intents[0].name) == ("tiny", "tiny_intent")
        async with grpc.aio.insecure_channel(mesh.addresses["tts"]) as channel:
            config = tts_pb2.SynthesisConfig(context=ESPERANTO, audio_format=PCM)
            spoken = await TtsServiceStub(channel).Synthesize(SynthesizeRequest(config=config, text="du vortoj"))
            assert [word.text for word in spoken.words] == ["du", "vortoj"]
            assert len(spoken.audio) == pytest.approx(2 * 16_000 * 0.2, rel=0.05)


def test_an_engine_that_is_not_installed_is_refused_with_the_names_of_those_that_are(tmp_path: Path):
    environment = {**os.environ, "VOICEMESH_TTS_ENGINE": "absent", "VOICEMESH_STATE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "services.tts"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "no engine 'absent'" in done.stderr
    assert "espeak" in done.stderr
