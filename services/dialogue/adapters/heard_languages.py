"""Which languages the recogniser knows: one that it does not is refused before a word is said, with those it does.

The recogniser refuses it itself, but a stream that is ended while it is written to does not say why.
"""

import grpc
from voicemesh.asr.v1.asr_service_pb2 import ListEnginesRequest
from voicemesh.asr.v1.asr_service_pb2_grpc import AsrServiceStub

from mesh import logs
from services.dialogue.refusals import unheard_language

_log = logs.get_logger(__name__)
_WITHIN_S = 2.0


class HeardLanguages:
    """Asks once for each language; what was known stays known, for the stream still refuses what no longer is."""

    def __init__(self) -> None:
        # As many as there are tags of languages that a recogniser here speaks.
        self._known: set[str] = set()

    async def check(self, channel: grpc.aio.Channel, language: str) -> None:
        """Raise UNRECOGNIZED_LANGUAGE for a BCP 47 tag whose language no engine behind the channel recognises.

        A recogniser that does not tell is taken for one that knows: its stream will say what is wrong.
        """
        if language in self._known:
            return
        try:
            engines = (await AsrServiceStub(channel).ListEngines(ListEnginesRequest(), timeout=_WITHIN_S)).engines
        except grpc.aio.AioRpcError as error:
            _log.warning("asr.languages_unknown", language=language, error=error.details())
            return
        supported = tuple(dict.fromkeys(tag for engine in engines for tag in engine.languages))
        wanted = language.lower()
        if not any(wanted == tag or wanted.startswith(f"{tag}-") for tag in map(str.lower, supported)):
            raise unheard_language(language, supported)
        self._known.add(language)
