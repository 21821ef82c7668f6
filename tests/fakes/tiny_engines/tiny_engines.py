"""Three engines of a third party, one for each kind: no line of Voicemesh knows of them."""

import numpy as np

from services.asr.model import Recognition, Word
from services.nlu.model import DomainInfo, IntentCandidate, Parse
from services.tts.model import SpeechChunk, Voice, WordTime

RATE_HZ = 8_000


class TinyRecognizer:
    """Hears how long somebody spoke, and nothing else."""

    name = "tiny"
    model = "tiny-1"
    languages = ("en", "eo")

    def transcribe(self, samples, *, phrases, language, want_words):
        seconds = len(samples) / 16_000
        return Recognition(
            "heard something", (Word("heard", 0.0, seconds / 2), Word("something", seconds / 2, seconds))
        )


class TinyNlu:
    """Takes everything for a tiny intent."""

    name = "tiny"

    def domains(self):
        return {"tiny": DomainInfo("tiny", ("en", "eo"), ("tiny_intent",), ())}

    def parse(self, request):
        return Parse((IntentCandidate("tiny_intent", 0.5),), False, (), None, self.name)

    def close(self):
        pass


class TinySynthesizer:
    """Hums for a tenth of a second a word."""

    name = "tiny"
    voices = (Voice("hum", "tiny", ("eo",), RATE_HZ, ("eo",)),)

    def find(self, name):
        return next((voice for voice in self.voices if voice.name == name), None)

    async def synthesize(self, text, delivery):
        for index, word in enumerate(text.split()):
            hum = np.sin(np.arange(RATE_HZ // 10) / RATE_HZ * 440 * 2 * np.pi).astype(np.float32)
            yield SpeechChunk(hum, (WordTime(word, index / 10, (index + 1) / 10),))

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        pass


def create_recognizer(settings):
    """Make the recogniser."""
    return TinyRecognizer()


def create_nlu(settings):
    """Make the understander."""
    return TinyNlu()


def create_synthesizer(settings):
    """Make the synthesiser."""
    return TinySynthesizer()
