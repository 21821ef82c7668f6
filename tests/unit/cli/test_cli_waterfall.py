"""The picture of a trace, from a list of spans."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from voicemesh_cli.telemetry import Span, Trace, new_traceparent, waterfall
from voicemesh_cli.telemetry.waterfall import rows

SECOND = 1_000_000_000


def span(name: str, start: float, end: float, parent: str = "", *, service: str = "asr", number: int = 0) -> Span:
    return Span(
        trace_id="t",
        span_id=f"{service}/{name}/{number}",
        parent_id=parent,
        service=service,
        name=name,
        start_ns=int(start * SECOND),
        end_ns=int(end * SECOND),
    )


def picture(spans: Sequence[Span], width: int = 100) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(waterfall(Trace(tuple(spans)), width=width))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


CALL = span("call", 100, 110, service="client")
CONVERSE = span("/voicemesh.dialogue.v1.DialogueService/Converse", 100, 110, CALL.span_id, service="dialogue")
TURN = span("dialogue.turn", 105, 107.5, CONVERSE.span_id, service="dialogue")


def test_the_tree_is_indented_and_the_bars_share_an_axis() -> None:
    header, call, converse, turn, caption = picture([TURN, CALL, CONVERSE])
    assert header.split() == ["service", "span", "0", "5.0", "10.0", "s", "time"]
    assert "stretched" in caption
    assert call.split()[:2] == ["client", "call"]
    assert call.endswith("10.00 s")
    assert "  Converse" in converse
    assert "    dialogue.turn" in turn
    assert turn.endswith("2.50 s")
    whole, part = call.count("━"), turn.count("━")
    # A quarter of the time, yet 70 % of the width; the rest is shared by the 5 s before and the 2.5 s behind.
    assert part == pytest.approx(whole * 0.7, abs=1)
    assert turn.index("━") - call.index("━") == pytest.approx(whole * 0.3 * 5 / 7.5, abs=1)
    assert header.index("5.0") == turn.index("━")


def test_without_turns_the_axis_is_even() -> None:
    half = span("asr.decode", 105, 107.5, CALL.span_id)
    header, call, line = picture([CALL, half])
    assert header.split() == ["service", "span", "0", "10.0", "s", "time"]
    assert line.count("━") == pytest.approx(call.count("━") / 4, abs=1)
    assert line.index("━") - call.index("━") == pytest.approx(call.count("━") / 2, abs=1)


def test_a_short_span_still_has_a_mark() -> None:
    blip = span("asr.decode", 101, 101.001, CONVERSE.span_id)
    line = next(line for line in picture([CALL, CONVERSE, blip]) if "asr.decode" in line)
    assert "╸" in line
    assert line.endswith("1.0 ms")


def test_many_of_one_name_share_a_row_with_a_mark_each() -> None:
    decodes = [span("asr.decode", 100 + 2 * n, 100.2 + 2 * n, CONVERSE.span_id, number=n) for n in range(5)]
    (line,) = [line for line in picture([CALL, CONVERSE, *decodes]) if "asr.decode" in line]
    assert "asr.decode x5" in line
    assert line.endswith("sum 1.00 s")
    assert len(line.split("x5")[1].rsplit("sum", 1)[0].split()) == 5


def test_an_rpc_is_one_row_that_of_its_server() -> None:
    name = "/voicemesh.nlu.v1.NluService/StreamingParse"
    client = span(name, 101, 109, CALL.span_id, service="dialogue")
    server = span(name, 101.1, 108.9, client.span_id, service="nlu")
    parse = span("nlu.parse", 102, 103, server.span_id, service="nlu")
    assert [(row.spans[0].service, row.depth) for row in rows(Trace((CALL, client, server, parse)))] == [
        ("client", 0),
        ("nlu", 1),
        ("nlu", 2),
    ]


def test_turns_never_share_a_row() -> None:
    turns = [span("dialogue.turn", 100 + n, 100.5 + n, CONVERSE.span_id, number=n) for n in range(8)]
    assert len([row for row in rows(Trace((CALL, CONVERSE, *turns)), max_rows=5) if len(row.spans) == 1]) == 10


def test_a_long_call_is_collapsed_to_the_limit() -> None:
    spans = [CALL, CONVERSE]
    for n in range(6):
        turn = span("dialogue.turn", 100 + n, 101 + n, CONVERSE.span_id, service="dialogue", number=n)
        spans.append(turn)
        for kind in range(12):
            outer = span(f"stage{kind}", 100 + n, 100.5 + n, turn.span_id, number=n)
            spans += [outer, span(f"inner{kind}", 100 + n, 100.2 + n, outer.span_id, number=n)]
    assert len(rows(Trace(tuple(spans)), max_rows=200)) == len(spans)
    assert len(rows(Trace(tuple(spans)), max_rows=40)) <= 40


def test_a_failed_span_is_red() -> None:
    failed = Span("t", "f", "", "nlu", "parse", 0, SECOND, failed=True)
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
    console.print(waterfall(Trace((failed,))))
    assert isinstance(console.file, io.StringIO)
    assert "\x1b[1;31m" in console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_asked(width: int) -> None:
    spans = [CALL, CONVERSE, TURN, span("x" * 90, 101, 102, TURN.span_id)]
    assert max(len(line) for line in picture(spans, width)) <= width


def test_an_empty_trace_is_an_empty_picture() -> None:
    assert len(picture([])) == 1


def test_connected_means_one_root_and_no_lost_parent() -> None:
    assert Trace((CALL, CONVERSE, TURN)).connected
    assert not Trace((CALL, TURN)).connected, "its parent is missing"
    assert not Trace((CONVERSE, TURN)).connected, "its root is missing"
    assert not Trace(()).connected
    assert Trace((CALL, CONVERSE)).services == {"client", "dialogue"}


def test_traceparents_are_new_and_well_formed() -> None:
    trace_id, span_id, header = new_traceparent()
    assert header == f"00-{trace_id}-{span_id}-01"
    assert (len(trace_id), len(span_id)) == (32, 16)
    assert new_traceparent()[0] != trace_id
