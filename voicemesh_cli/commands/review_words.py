"""The words that a draft was made from: a few turns of the redacted transcript, fetched by its claim check."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import grpc
from rich.text import Text
from voicemesh.content.v1 import content_service_pb2 as pb
from voicemesh.content.v1.content_service_pb2_grpc import ContentServiceStub

from voicemesh_cli import endpoints, output

if TYPE_CHECKING:
    from voicemesh.common.v1.context_pb2 import RequestContext
    from voicemesh.crm.v1 import review_pb2 as drafts

_TIMEOUT_S = 10.0
_BEFORE, _AFTER = 4, 1
"""Turns around the draft's own that are shown."""
_WIDTH = 8


def words_of(draft: drafts.Draft, *, context: RequestContext, who: str, target: str | None) -> list[dict[str, Any]]:
    """The caller's turn that the draft was learned in and those around it, as the transcript's document has them.

    Raises InputError where no transcript is known of, and what the content service refuses.
    """
    if not draft.HasField("transcript"):
        raise output.InputError(
            f"no transcript is known of draft {draft.id}: its call goes on, or none is kept; leave --words out."
        )
    request = pb.GetContentRequest(context=context, uri=draft.transcript.uri, sha256=draft.transcript.sha256)
    metadata = (("voicemesh-principal", who), ("voicemesh-purpose", quote(f"review of draft {draft.id}")))

    async def ask() -> bytes:
        async with grpc.aio.insecure_channel(endpoints.resolve_target(target, "dialogue")) as channel:
            found = await ContentServiceStub(channel).GetContent(request, metadata=metadata, timeout=_TIMEOUT_S)
            return bytes(found.data)

    return _around(json.loads(asyncio.run(ask()))["turns"], draft.turn_id)


def print_words(out: output.Output, draft: drafts.Draft, words: list[dict[str, Any]]) -> None:
    """The turns, the draft's own stressed."""
    for turn in words:
        style = "bold" if turn["turn_id"] == draft.turn_id else ""
        line = Text.assemble((f"{turn['speaker']}: ", "dim"), (turn["text"], style))
        output.print_beside(out.console, Text(), line, _WIDTH)


def _around(turns: list[dict[str, Any]], turn_id: str) -> list[dict[str, Any]]:
    """The turns around one; of a turn that is not there, the last ones."""
    place = next((number for number, turn in enumerate(turns) if turn["turn_id"] == turn_id), len(turns) - 1)
    return turns[max(0, place - _BEFORE) : place + _AFTER + 1]
