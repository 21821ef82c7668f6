"""The description of a Piper voice: `NAME.onnx.json` beside `NAME.onnx`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mesh.config import ConfigError

PAD, BEGIN, END = "_", "^", "$"
"""Symbols of the phoneme table that stand between phonemes, before the first and behind the last."""


class _Audio(BaseModel):
    sample_rate: int = Field(gt=0)


class _Espeak(BaseModel):
    voice: str = "en-us"


class _Inference(BaseModel):
    noise_scale: float = 0.667
    length_scale: float = Field(1.0, gt=0)
    noise_w: float = 0.8


class _Language(BaseModel):
    code: str


class PiperConfig(BaseModel):
    """What of the description is used; the rest is left alone."""

    model_config = ConfigDict(frozen=True)

    audio: _Audio
    espeak: _Espeak = _Espeak()
    inference: _Inference = _Inference()
    language: _Language | None = None
    phoneme_type: Literal["espeak", "text"] = "espeak"
    phoneme_id_map: dict[str, tuple[int, ...]]
    num_speakers: int = Field(1, ge=1)
    speaker_id_map: dict[str, int] = {}

    @property
    def tag(self) -> str:
        """The BCP 47 tag of its language: "en_US" is written "en-US"."""
        return (self.language.code if self.language else self.espeak.voice).replace("_", "-")

    def speaker(self, name: str) -> int | None:
        """Return a speaker's number by name or number; None when there is no such speaker."""
        if name in self.speaker_id_map:
            return self.speaker_id_map[name]
        return int(name) if name.isdecimal() and int(name) < self.num_speakers else None

    def encode(self, phonemes: Sequence[str]) -> tuple[list[int], list[int]]:
        """Return the model's input for phonemes: ids, and for each id the index of the phoneme it came from.

        As in Piper's training: a begin mark, each phoneme followed by a pad, an end mark. A pad belongs to the
        phoneme before it; the marks belong to none (-1). A phoneme that the table lacks is left out.
        """
        table = self.phoneme_id_map
        ids = [*table.get(BEGIN, ()), *table.get(PAD, ())]
        owners = [-1] * len(ids)
        for index, phoneme in enumerate(phonemes):
            new = [*table[phoneme], *table.get(PAD, ())] if phoneme in table else []
            ids += new
            owners += [index] * len(new)
        end = table.get(END, ())
        return [*ids, *end], [*owners, *[-1] * len(end)]


def read_config(model: Path) -> PiperConfig:
    """Read the description of a model file.

    Raises:
        ConfigError: when it is missing or cannot be used; the text names the file and what is wrong.
    """
    path = model.with_name(model.name + ".json")
    try:
        return PiperConfig.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"{model} has no description beside it; put {path.name} there") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False))
        raise ConfigError(f"{path} does not describe a Piper voice: {wrong}") from None
