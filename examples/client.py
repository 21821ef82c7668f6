# ruff: noqa: INP001, T201 - a script for people to read, which prints
"""A client that talks: plays a recording to a running mesh, prints the conversation, keeps the agent's voice.

Start a mesh with `make up`, then: python examples/client.py 127.0.0.1:7411 examples/recordings/clinic-booking.wav
"""

import asyncio
import sys

import voicemesh_client as vm


async def main(target: str, recording: str) -> None:
    """Speaks, listens, prints, hangs up."""
    form, agent = vm.read_wav(recording).format, bytearray()
    async with (
        vm.connect(target) as mesh,
        mesh.session(
            "clinic", input_audio=form, output_audio=form, sink=lambda piece: agent.extend(piece.data)
        ) as session,
        asyncio.TaskGroup() as tasks,
    ):
        session.on_transcript(lambda heard: print("caller:", heard.text) if heard.is_final else None)
        session.on_agent_turn(lambda turn: print("agent: ", turn.text))
        tasks.create_task(session.run())
        await session.play_file(recording)
        await session.end_of_audio()
        await session.wait_ended()
        await session.speaker.wait_idle()
    vm.write_wav("agent.wav", bytes(agent), form)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
