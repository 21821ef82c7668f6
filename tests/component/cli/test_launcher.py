"""The launcher against fake services that misbehave, and with the real broker."""

import asyncio
import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nats
import pytest

from voicemesh_cli.launcher import LaunchError, LaunchOptions, launch


def misbehaving(options: LaunchOptions, service: str, mode: str, **changes: object) -> LaunchOptions:
    return dataclasses.replace(options, service_env={service: {"FAKE_MODE": mode}}, **changes)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie waits to be reaped by its new parent; it runs no more.
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def pids_of(options: LaunchOptions) -> list[int]:
    """The process ids that the fakes wrote down, ready or not."""
    return [int(file.read_text()) for file in (options.state_dir / "ready").glob("*.pid")]


def wait_until_gone(pids: list[int]) -> None:
    """They are another process's children, so nothing tells of their end; the test's own limit ends the wait."""
    while any(alive(pid) for pid in pids):
        time.sleep(0.02)


async def test_services_get_their_environment_and_end_with_the_block(fake_options: LaunchOptions) -> None:
    options = dataclasses.replace(fake_options, otlp_endpoint="http://127.0.0.1:4317", region="eu")
    async with launch(options) as mesh:
        assert dict(mesh.addresses) == dict.fromkeys(("asr", "nlu", "dialogue"), "127.0.0.1:1")
        pids = list(mesh.pids.values())
        assert all(alive(pid) for pid in pids)
        ready = {name: json.loads(options.ready_file(name).read_text()) for name in mesh.addresses}
        assert {name: said["pid"] for name, said in ready.items()} == mesh.pids
        dialogue, asr = ready["dialogue"]["targets"], ready["asr"]["targets"]
        assert dialogue["VOICEMESH_ASR_TARGET"] == dialogue["VOICEMESH_NLU_TARGET"] == "127.0.0.1:1@eu"
        assert "VOICEMESH_NLU_TARGET" not in asr
        assert asr["VOICEMESH_LISTEN"] == "127.0.0.1:0"
        assert asr["VOICEMESH_OTLP_ENDPOINT"] == "http://127.0.0.1:4317"
        assert asr["VOICEMESH_STATE_DIR"] == str(options.state_dir.resolve())
    assert not any(alive(pid) for pid in pids)


async def test_a_service_that_dies_is_named_with_its_last_words(fake_options: LaunchOptions) -> None:
    options = misbehaving(fake_options, "nlu", "dies")
    with pytest.raises(LaunchError) as failure:
        async with launch(options):
            pytest.fail("the mesh must not come up")
    text = str(failure.value)
    assert "nlu ended with exit code 3" in text
    assert "no such model: tiny" in text
    assert str(options.log_file("nlu")) in text
    assert not any(alive(pid) for pid in pids_of(options))


async def test_a_service_that_is_never_ready_is_given_up(fake_options: LaunchOptions) -> None:
    options = misbehaving(fake_options, "asr", "never_ready", ready_limit_s=1.0)
    with pytest.raises(LaunchError, match=r"(?s)asr was not ready after 1 s.*asr\.log"):
        async with launch(options):
            pytest.fail("the mesh must not come up")
    assert not any(alive(pid) for pid in pids_of(options))


async def test_a_service_that_ignores_sigterm_is_killed(fake_options: LaunchOptions) -> None:
    options = misbehaving(fake_options, "asr", "stubborn", stop_grace_s=0.3)
    async with launch(options) as mesh:
        pids = list(mesh.pids.values())
    assert not any(alive(pid) for pid in pids)


async def test_an_error_in_the_block_stops_everything(fake_options: LaunchOptions) -> None:
    pids: list[int] = []

    async def block() -> None:
        async with launch(fake_options) as mesh:
            pids.extend(mesh.pids.values())
            raise ValueError("of the block")

    with pytest.raises(ValueError, match="of the block"):
        await block()
    assert len(pids) == 3
    assert not any(alive(pid) for pid in pids)


async def test_watch_reports_a_service_that_dies_later(fake_options: LaunchOptions, tmp_path: Path) -> None:
    pipe = tmp_path / "death"
    os.mkfifo(pipe)
    options = misbehaving(fake_options, "nlu", "dies_later", env={**fake_options.env, "FAKE_DEATH": str(pipe)})
    async with launch(options) as mesh:
        watching = asyncio.gather(mesh.watch(), return_exceptions=True)
        await asyncio.to_thread(pipe.write_text, "now")
        (error,) = await watching
        assert isinstance(error, LaunchError)
        assert "nlu ended with exit code 4" in str(error)


async def test_a_service_killed_from_outside_is_reported(fake_options: LaunchOptions) -> None:
    async with launch(fake_options) as mesh:
        watching = asyncio.gather(mesh.watch(), return_exceptions=True)
        os.kill(mesh.pids["asr"], signal.SIGKILL)
        (error,) = await watching
        assert "asr was killed by SIGKILL" in str(error)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
def test_a_killed_launcher_leaves_nothing(fake_options: LaunchOptions, tmp_path: Path) -> None:
    options = misbehaving(fake_options, "asr", "stubborn")
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
        import asyncio, pathlib
        from voicemesh_cli.launcher import LaunchOptions, ServiceSpec, launch

        async def main():
            options = LaunchOptions(
                state_dir=pathlib.Path({str(options.state_dir)!r}),
                services=(ServiceSpec("asr", "fake_service"), ServiceSpec("nlu", "fake_service")),
                env={dict(options.env)!r}, service_env={dict(options.service_env)!r},
            )
            async with launch(options) as mesh:
                print(*mesh.pids.values(), flush=True)
                await asyncio.Event().wait()

        asyncio.run(main())
        """)
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3, "the broker and two services"
        assert all(alive(pid) for pid in pids)
        parent.kill()
    wait_until_gone(pids)


async def test_the_broker_serves_jetstream_on_loopback(fake_options: LaunchOptions) -> None:
    options = dataclasses.replace(fake_options, services=(), with_broker=True)
    async with launch(options) as mesh:
        assert mesh.nats_url.startswith("nats://127.0.0.1:")
        client = await nats.connect(mesh.nats_url)
        info = await client.jetstream().account_info()
        assert info.streams == 0
        await client.close()
        pid = mesh.pids["nats"]
    assert not alive(pid)
