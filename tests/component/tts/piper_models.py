"""Tiny models of the same inputs and outputs as Piper's, for tests.

A phoneme with the id n lasts `n * length_scale` frames of 256 samples and sounds as a sine of 200 Hz (400 Hz for
the second speaker); the ids below 4 - pad, marks, space and punctuation - are silent. So the truth about every
word is known.
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RATE = 22_050
HOP = 256
SILENT = 4
_IPA = "abdefhijklmnoprstuvwxyzæðŋɐɑɔəɚɛɜɡɪɹɾʃʊʌʒθᵻˈˌː1234567890"  # noqa: RUF001
IDS = {"_": [0], "^": [1], "$": [2], **{symbol: [3] for symbol in " ,.!?;:"}} | {
    symbol: [SILENT + place % 5] for place, symbol in enumerate(_IPA)
}


def _constant(name: str, value: object, dtype: type) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value, dtype), name)


def _graph(*, speakers: int, durations: bool) -> onnx.GraphProto:
    node = helper.make_node
    nodes = [
        node("Gather", ["scales", "one_i"], ["length_scale"]),
        node("Cast", ["input"], ["ids"], to=TensorProto.FLOAT),
        node("Mul", ["ids", "length_scale"], ["raw_frames"]),
        node("Ceil", ["raw_frames"], ["frames"]),
        node("Reshape", ["frames", "flat"], ["frames_flat"]),
        node("CumSum", ["frames_flat", "zero_i"], ["ends"]),
        node("ReduceMax", ["ends"], ["total_frames"], keepdims=0),
        node("Mul", ["total_frames", "hop"], ["total"]),
        node("Range", ["zero", "total", "one"], ["t"]),
        # The id that sounds at each sample: how many ids have ended by then.
        node("Div", ["t", "hop"], ["frame"]),
        node("Unsqueeze", ["frame", "last_axis"], ["frame_column"]),
        node("GreaterOrEqual", ["frame_column", "ends"], ["ended"]),
        node("Cast", ["ended"], ["ended_i"], to=TensorProto.INT64),
        node("ReduceSum", ["ended_i", "last_axis"], ["place"], keepdims=0),
        node("Reshape", ["ids", "flat"], ["ids_flat"]),
        node("Gather", ["ids_flat", "place"], ["sounding_id"]),
        node("GreaterOrEqual", ["sounding_id", "first_loud"], ["loud"]),
        node("Cast", ["loud"], ["gain"], to=TensorProto.FLOAT),
        node("Mul", ["t", "omega"], ["phase"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, [1, "n"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    phase = "phase"
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", TensorProto.INT64, [1]))
        nodes += [
            node("Cast", ["sid"], ["sid_f"], to=TensorProto.FLOAT),
            node("Add", ["sid_f", "one"], ["factor"]),
            node("Mul", ["phase", "factor"], ["phase_of_speaker"]),
        ]
        phase = "phase_of_speaker"
    nodes += [
        node("Sin", [phase], ["sine"]),
        node("Mul", ["sine", "gain"], ["wave"]),
        node("Mul", ["wave", "half"], ["audio_flat"]),
        node("Reshape", ["audio_flat", "audio_shape"], ["output"]),
    ]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "t"])]
    if durations:
        outputs.append(helper.make_tensor_value_info("frames", TensorProto.FLOAT, [1, "n"]))
    constants = [
        _constant("one_i", 1, np.int64), _constant("zero_i", 0, np.int64), _constant("flat", [-1], np.int64),
        _constant("last_axis", [1], np.int64), _constant("audio_shape", [1, 1, 1, -1], np.int64),
        _constant("zero", 0, np.float32), _constant("one", 1, np.float32), _constant("half", 0.5, np.float32),
        _constant("hop", HOP, np.float32), _constant("first_loud", SILENT, np.float32),
        _constant("omega", 2 * np.pi * 200 / RATE, np.float32),
    ]  # fmt: skip
    return helper.make_graph(nodes, "tiny", inputs, outputs, constants)


def make_voice(
    folder: Path, name: str, *, durations: bool = True, speakers: dict[str, int] | None = None, **more: object
) -> Path:
    """Write a voice and return its model file."""
    count = len(speakers or {}) or 1
    model = helper.make_model(
        _graph(speakers=count, durations=durations), opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    onnx.checker.check_model(model)
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    description = {
        "audio": {"sample_rate": RATE, "quality": "low"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "language": {"code": name.split("-", maxsplit=1)[0]},
        "phoneme_type": "espeak",
        "phoneme_id_map": IDS,
        "num_speakers": count,
        "speaker_id_map": speakers or {},
    }
    path.with_name(f"{name}.onnx.json").write_text(json.dumps(description | more))
    return path
