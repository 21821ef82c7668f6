"""The frame of a command: documents, text, errors, exit codes."""

import errno
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import typer
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from rich.console import Console
from rich.text import Text
from typer.testing import CliRunner

from voicemesh_cli import failures, output


def rpc_error(code: grpc.StatusCode, message: str, *details: object) -> grpc.aio.AioRpcError:
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)  # type: ignore[arg-type]
        status.details.append(packed)
    metadata = grpc.aio.Metadata(*(rpc_status.to_status(status).trailing_metadata or ()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, message)


def app_that(body: Callable[[output.Output], None]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    def run(json: output.JsonOption = False) -> None:
        with output.command(json) as out:
            body(out)

    return app


def test_json_mode_prints_the_document_and_nothing_else_on_stdout() -> None:
    def body(out: output.Output) -> None:
        out.console.print("working")
        sys.stdout.write("a library talks")
        out.document({"words": ["größer"]})

    result = CliRunner().invoke(app_that(body), ["--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"words": ["größer"]}
    assert "working" in result.stderr
    assert "a library talks" in result.stderr


def test_without_json_the_text_is_on_stdout() -> None:
    def body(out: output.Output) -> None:
        out.console.print("working")
        out.document({"never": "shown"})

    result = CliRunner().invoke(app_that(body), [])
    assert result.stdout == "working\n"


@pytest.mark.parametrize(
    ("error", "exit_code", "reason"),
    [
        (failures.CliError("broken; do this"), 1, None),
        (failures.InputError("no audio; give a WAV"), 2, None),
        (rpc_error(grpc.StatusCode.INTERNAL, "a fault"), 1, "INTERNAL"),
        (ExceptionGroup("tasks", [ValueError("x"), failures.InputError("inner")]), 2, None),
        (
            rpc_error(
                grpc.StatusCode.INVALID_ARGUMENT,
                "half a sample",
                error_details_pb2.ErrorInfo(reason="INVALID_AUDIO", metadata={"detail": "3 bytes"}),
            ),
            2,
            "INVALID_AUDIO",
        ),
    ],
)
def test_errors_are_one_document_or_one_sentence(error: Exception, exit_code: int, reason: str | None) -> None:
    def body(_out: output.Output) -> None:
        raise error

    as_json = CliRunner().invoke(app_that(body), ["--json"])
    failure = json.loads(as_json.stdout)["error"]
    assert as_json.exit_code == exit_code
    assert failure.get("reason") == reason
    as_text = CliRunner().invoke(app_that(body), [])
    assert as_text.exit_code == exit_code
    assert as_text.stdout == ""
    assert as_text.stderr == f"error: {failure['message']}\n"


def test_metadata_and_retry_are_passed_on() -> None:
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    info = error_details_pb2.ErrorInfo(reason="OVERLOADED", metadata={"limit": "4"})
    failure = failures.describe(rpc_error(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", info, retry))
    assert failure is not None
    assert failure.document() == {
        "message": "full",
        "reason": "OVERLOADED",
        "metadata": {"limit": "4"},
        "retry_after_s": 1.5,
    }


def test_an_absent_server_is_explained() -> None:
    failure = failures.describe(rpc_error(grpc.StatusCode.UNAVAILABLE, "connection refused"))
    assert failure is not None
    assert "make up" in failure.message


def test_another_service_is_explained() -> None:
    failure = failures.describe(rpc_error(grpc.StatusCode.UNIMPLEMENTED, "Method not found!"))
    assert failure is not None
    assert "--target" in failure.message


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC, errno.EROFS])
def test_what_the_disk_refuses_is_explained(number: int) -> None:
    failure = failures.describe(OSError(number, os.strerror(number), "var/call.wav"))
    assert failure is not None
    assert "var/call.wav" in failure.message
    assert os.strerror(number) in failure.message


@pytest.mark.parametrize("error", [OSError(errno.EBADF, "bad"), OSError(errno.ENOENT, "none", "module.py"), OSError()])
def test_other_errors_of_the_system_are_faults_of_the_program(error: OSError) -> None:
    assert failures.describe(error) is None


@pytest.mark.parametrize("target", [None, "", "127.0.0.1:7411", "[::1]:80", "asr.internal:65535", "a:1@east,b:2@west"])
def test_addresses_are_taken_as_they_are(target: str | None) -> None:
    assert output.checked_target(target) == target


@pytest.mark.parametrize("target", ["a", ":1", "a:", "a:0", "a:65536", "a:-1", "a:x", "a:1x", "https://a"])
def test_what_is_no_address_is_refused(target: str) -> None:
    with pytest.raises(typer.BadParameter, match="HOST:PORT"):
        output.checked_target(target)


def test_a_folder_is_made_with_all_above_it(tmp_path: Path) -> None:
    output.make_folder(tmp_path / "a" / "b", "--out")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_that_can_not_be_is_named_with_its_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(output.InputError, match=r"--out .*file.*folder"):
        output.make_folder(tmp_path / "file", "--out")


def printed_beside(*, terminal: bool) -> list[str]:
    screen = io.StringIO()
    console = Console(file=screen, width=20, force_terminal=terminal, color_system=None, soft_wrap=not terminal)
    output.print_beside(console, Text("agent"), Text("one two three four"), 10)
    return [line.rstrip() for line in screen.getvalue().splitlines()]


def test_a_long_line_goes_on_under_its_beginning_on_a_terminal() -> None:
    assert printed_beside(terminal=True) == ["agent     one two", "          three four"]


def test_a_long_line_stays_one_elsewhere() -> None:
    assert printed_beside(terminal=False) == ["agent     one two three four"]


def test_ctrl_c_is_130_and_still_one_document() -> None:
    def body(_out: output.Output) -> None:
        raise KeyboardInterrupt

    result = CliRunner().invoke(app_that(body), ["--json"])
    assert result.exit_code == 130
    assert json.loads(result.stdout)["error"]["reason"] == "CANCELLED"


def test_a_fault_of_the_program_is_a_document_and_its_traceback() -> None:
    def body(_out: output.Output) -> None:
        raise ZeroDivisionError("oops")

    result = CliRunner().invoke(app_that(body), ["--json"])
    assert isinstance(result.exception, ZeroDivisionError)
    assert "oops" in json.loads(result.stdout)["error"]["message"]


def test_a_second_or_a_missing_document_is_a_fault() -> None:
    def twice(out: output.Output) -> None:
        out.document({})
        out.document({})

    assert isinstance(CliRunner().invoke(app_that(twice), ["--json"]).exception, RuntimeError)
    assert isinstance(CliRunner().invoke(app_that(lambda _out: None), ["--json"]).exception, RuntimeError)


def test_stdout_is_given_back() -> None:
    before = sys.stdout
    with output.command(json_mode=True) as out:
        out.document({})
    assert sys.stdout is before
