"""Transcripts as readers want them: cut anew, cleaned, checked and written out. Pure: no files, no network.

`reading` makes a `Transcript` of a recogniser's words or of a JSON document; `cutting` divides it into lines, subtitles
or paragraphs; `cleaning` takes fillers and stutters out and keeps the words as heard; `checks` finds what is wrong;
`export` writes JSON, SRT, WebVTT or text.
"""

from mesh.transcripts.checks import Finding, check
from mesh.transcripts.cleaning import Change, clean
from mesh.transcripts.cutting import Cut, cut
from mesh.transcripts.export import Format, render, to_document
from mesh.transcripts.model import Segment, Transcript, Word
from mesh.transcripts.reading import UnreadableTranscriptError, read_documents

__all__ = [
    "Change",
    "Cut",
    "Finding",
    "Format",
    "Segment",
    "Transcript",
    "UnreadableTranscriptError",
    "Word",
    "check",
    "clean",
    "cut",
    "read_documents",
    "render",
    "to_document",
]
