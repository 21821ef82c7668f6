"""What the client says, over connections that come and go: each thing once, in order."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voicemesh.dialogue.v1 import dialogue_pb2 as d
from voicemesh.dialogue.v1.dialogue_service_pb2 import ConverseRequest

from voicemesh_client.outgoing import KEPT_MESSAGES, Feed, Outgoing
from voicemesh_client.queues import Closed


def text(words: str) -> ConverseRequest:
    return ConverseRequest(text=d.CallerText(text=words))


def report(turn_id: str, seconds: int, *, finished: bool = False) -> ConverseRequest:
    played = d.PlaybackProgress(turn_id=turn_id, finished=finished)
    played.played.FromSeconds(seconds)
    return ConverseRequest(playback=played)


def name(request: ConverseRequest) -> str:
    match request.WhichOneof("request"):
        case "audio":
            return f"frame {request.audio.sequence}"
        case "text":
            return f"{request.sequence}: {request.text.text}"
        case _:
            return f"{request.playback.turn_id} {request.playback.played.seconds}"


async def drain(outgoing: Outgoing, feed: Feed) -> list[str]:
    return [name(await feed.get()) for _ in range(outgoing.waiting)]


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_frames_and_messages_are_numbered_on_their_own_and_leave_in_order() -> None:
    outgoing = Outgoing(10)
    feed = outgoing.attach()
    await outgoing.put_audio(b"a", 0.02)
    await outgoing.put(text("x"))
    await outgoing.put_audio(b"b", 0.02)
    await outgoing.put(text("y"))
    assert await drain(outgoing, feed) == ["frame 0", "1: x", "frame 1", "2: y"]


async def test_going_back_sends_what_the_mesh_has_not_got_and_nothing_else() -> None:
    outgoing = Outgoing(10)
    feed = outgoing.attach()
    for number in range(3):
        await outgoing.put_audio(bytes([number]), 0.02)
        await outgoing.put(text(str(number)))
    await drain(outgoing, feed)
    await outgoing.put(text("unsent"))
    feed.end()
    replay = outgoing.rewind(2, 2)
    assert (replay.waiting, replay.lost_s, replay.lost_messages) == (3, 0, 0)
    assert await drain(outgoing, outgoing.attach()) == ["frame 2", "3: 2", "4: unsent"]
    with pytest.raises(Closed):
        await feed.get()


async def test_what_the_mesh_has_is_not_sent_even_if_it_was_taken_for_unsent() -> None:
    outgoing = Outgoing(10)
    await outgoing.put_audio(b"a", 0.02)
    await outgoing.put(text("x"))
    outgoing.rewind(1, 1)
    assert outgoing.waiting == 0


async def test_audio_is_kept_for_a_while_and_messages_for_longer() -> None:
    outgoing = Outgoing(1_000, replay_s=1.0)
    feed = outgoing.attach()
    await outgoing.put(text("first"))
    for _ in range(100):
        await outgoing.put_audio(b"a", 0.02)
    await drain(outgoing, feed)
    assert outgoing.first_replayable == 50
    replay = outgoing.rewind(40, 0)
    assert replay.lost_s == pytest.approx(0.2)
    assert (replay.waiting, replay.lost_messages) == (51, 0)
    assert (await drain(outgoing, outgoing.attach()))[:2] == ["1: first", "frame 50"]


async def test_more_messages_than_are_kept_are_counted_as_lost() -> None:
    outgoing = Outgoing(1_000)
    feed = outgoing.attach()
    for number in range(KEPT_MESSAGES + 3):
        await outgoing.put(text(str(number)))
    await drain(outgoing, feed)
    assert outgoing.first_replayable is None
    assert outgoing.rewind(0, 1).lost_messages == 2


@pytest.mark.parametrize(("frame", "message"), [(2, 0), (0, 2)])
async def test_a_mesh_that_has_what_never_was_is_not_believed(frame: int, message: int) -> None:
    outgoing = Outgoing(10)
    await outgoing.put_audio(b"a", 0.02)
    await outgoing.put(text("x"))
    with pytest.raises(ValueError, match="never were"):
        outgoing.rewind(frame, message)
    assert outgoing.waiting == 2


async def test_a_report_takes_the_place_of_the_one_before_and_is_repeated_on_a_new_connection() -> None:
    outgoing = Outgoing(1)
    feed = outgoing.attach()
    for seconds in range(3):
        outgoing.report(report("a", seconds))
    outgoing.report(report("b", 7))
    assert await drain(outgoing, feed) == ["a 2", "b 7"]
    feed.end()
    outgoing.rewind(0, 0)
    outgoing.report(report("b", 8, finished=True))
    assert await drain(outgoing, outgoing.attach()) == ["a 2", "b 8"]
    for number in range(20):
        outgoing.report(report(f"t{number}", 1))
    assert outgoing.waiting == 8


async def test_with_a_connection_few_may_wait_and_without_one_a_backlog() -> None:
    outgoing = Outgoing(2, backlog_s=0.1)
    feed = outgoing.attach()
    await outgoing.put_audio(b"a", 0.02)
    await outgoing.put_audio(b"a", 0.02)
    async with asyncio.TaskGroup() as tasks:
        third = tasks.create_task(outgoing.put_audio(b"a", 0.02))
        await settle()
        assert not third.done()
        feed.end()
        await third
        await outgoing.put_audio(b"a", 0.02)
        await outgoing.put_audio(b"a", 0.02)
        sixth = tasks.create_task(outgoing.put_audio(b"a", 0.02))
        await settle()
        assert not sixth.done()
        feed = outgoing.attach()
        await settle()
        assert not sixth.done(), "the backlog goes first"
        for _ in range(4):
            await feed.get()
        await sixth
    assert await drain(outgoing, feed) == ["frame 4", "frame 5"]


async def test_the_backlog_is_bounded_in_bytes_and_messages_too() -> None:
    outgoing = Outgoing(2, backlog_bytes=10)
    await outgoing.put_audio(bytes(10), 0.02)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(outgoing.put(text("x")))
        await settle()
        assert not waiting.done()
        await outgoing.attach().get()
    other = Outgoing(2)
    await other.put(text("x"))
    await other.put(text("y"))
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(other.put(text("z")))
        await settle()
        assert not waiting.done()
        await other.attach().get()


async def test_closing_lets_out_what_is_there_and_nothing_more_in() -> None:
    outgoing = Outgoing(1)
    feed = outgoing.attach()
    await outgoing.put(text("x"))
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_refused(outgoing))
        await settle()
        outgoing.close()
        assert await waiting
    outgoing.report(report("a", 1))
    assert await drain(outgoing, feed) == ["1: x"]
    with pytest.raises(Closed):
        await feed.get()


async def _refused(outgoing: Outgoing) -> bool:
    with pytest.raises(Closed):
        await outgoing.put(text("y"))
    return True


async def test_a_sender_that_gives_up_leaves_no_number_behind() -> None:
    outgoing = Outgoing(1)
    feed = outgoing.attach()
    await outgoing.put_audio(b"a", 0.02)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(outgoing.put_audio(b"b", 0.02))
        await settle()
        waiting.cancel()
    await feed.get()
    await outgoing.put_audio(b"c", 0.02)
    assert name(await feed.get()) == "frame 1"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["audio", "text", "send"]), st.just(0.0)),
        st.tuples(st.just("drop"), st.floats(0, 1)),
    ),
    max_size=80,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(STEPS)
def test_whenever_connections_drop_the_mesh_gets_everything_once_in_order(steps: list[tuple[str, float]]) -> None:
    async def scenario() -> None:
        outgoing = Outgoing(1_000)
        feed = outgoing.attach()
        said: list[str] = []
        got: list[str] = []
        under_way: list[ConverseRequest] = []
        frames = messages = 0
        for step, share in steps:
            match step:
                case "audio":
                    said.append(f"frame {frames}")
                    frames += 1
                    await outgoing.put_audio(b"a", 0.02)
                case "text":
                    messages += 1
                    said.append(f"{messages}: x")
                    await outgoing.put(text("x"))
                case "send":
                    if outgoing.waiting:
                        under_way.append(await feed.get())
                case _:
                    # Of what is under way a first part arrives; the rest is lost.
                    got += [name(request) for request in under_way[: round(share * len(under_way))]]
                    under_way.clear()
                    feed.end()
                    have = sum(item.startswith("frame") for item in got)
                    outgoing.rewind(have, len(got) - have)
                    feed = outgoing.attach()
        got += [name(request) for request in under_way]
        got += await drain(outgoing, feed)
        assert got == said

    asyncio.run(scenario())
