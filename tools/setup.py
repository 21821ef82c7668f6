"""Makes .venv and installs exactly what requirements.lock names, then the project itself, editable.

Runs on a bare Python 3.11+: the standard library only. A stamp keyed by the checksums of the lock, of
pyproject.toml and by the Python's version makes a second run take no time. An install that was broken off is
begun anew.
"""

from __future__ import annotations

import hashlib
import queue
import re
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "voicemesh-installed"
STARTED = VENV / "voicemesh-installing"
LOG = VENV / "voicemesh-install.log"
LOCK = ROOT / "requirements.lock"
TICK_S, QUIET_LINE_EVERY_S = 0.5, 15.0


def checksum() -> str:
    """What the installed state depends on."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def installed(wanted: str) -> bool:
    """Whether .venv is whole, up to date and in its place (a moved environment's scripts point nowhere)."""
    if STARTED.exists() or not STAMP.exists() or STAMP.read_text() != f"{wanted} {VENV}":
        return False
    return PYTHON.exists()


def usable() -> bool:
    """Whether there is an environment of this Python's version to install into."""
    if STARTED.exists() or not PYTHON.exists():
        return False
    version = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    found = subprocess.run([PYTHON, "-c", version], capture_output=True, text=True, check=False)
    return found.returncode == 0 and found.stdout.split() == ["{}.{}".format(*sys.version_info[:2])]


def make_environment() -> None:
    """Make .venv, anew if there is a broken one."""
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian ships Python without it
        import venv  # noqa: PLC0415
    except ImportError as error:
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        sys.exit(
            f"{sys.executable} cannot make virtual environments (no module {error.name}).\n"
            f"Debian and Ubuntu keep it apart: sudo apt install {package}"
        )
    print(f"making .venv with {sys.executable}", flush=True)
    venv.create(VENV, clear=True, with_pip=False, symlinks=True)
    STARTED.touch()  # before pip comes, so that half a pip is not taken for one
    command = [PYTHON, "-Im", "ensurepip", "--upgrade", "--default-pip"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        sys.exit(f"pip cannot be had in .venv:\n{made.stdout}{made.stderr}")


class Progress:
    """One line that changes on a terminal; elsewhere a line now and then."""

    def __init__(self, total: int) -> None:
        self._total, self._seen = total, 0
        self._what = "looking"
        self._start = self._last = time.monotonic()
        self._terminal = sys.stdout.isatty()

    def line(self, text: str) -> None:
        """Take in a line that pip printed."""
        collecting = re.match(r"(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)", text)
        if collecting:
            self._seen += 1
            self._what = f"fetching {min(self._seen, self._total)}/{self._total} {collecting[1]}"
        elif text.startswith("Installing collected packages"):
            self._what = f"unpacking {text.count(',') + 1} packages"

    def show(self) -> None:
        """Show where it stands."""
        now = time.monotonic()
        text = f"  {self._what} ({now - self._start:.0f} s)"
        if self._terminal:
            print(f"\r\033[K{text[:100]}", end="", flush=True)
        elif now - self._last >= QUIET_LINE_EVERY_S:
            self._last = now
            print(text, flush=True)

    def done(self) -> None:
        """Say that it is over."""
        end = "\r\033[K" if self._terminal else ""
        print(f"{end}  done in {time.monotonic() - self._start:.0f} s", flush=True)


def pip(title: str, total: int, *arguments: str) -> None:
    """Run pip install calmly; its whole output is in the log, its end is shown when it fails."""
    print(title, flush=True)
    command = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "off", "--no-deps", *arguments]
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    last: deque[str] = deque(maxlen=25)
    progress = Progress(total)
    with (
        LOG.open("a", encoding="utf-8") as log,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process,
    ):

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=TICK_S)
            except queue.Empty:
                progress.show()
                continue
            if line is None:
                break
            log.write(line)
            last.append(line)
            progress.line(line)
            progress.show()
    if process.returncode != 0:
        sys.exit(f"\npip failed. Its last words:\n\n{''.join(last)}\nAll of them: {LOG}")
    progress.done()


def main() -> None:
    """Bring .venv to the state the lock describes."""
    wanted = checksum()
    if installed(wanted):
        return
    if not usable():
        make_environment()
    STARTED.touch()
    STAMP.unlink(missing_ok=True)
    LOG.unlink(missing_ok=True)
    total = len(re.findall(r"^[A-Za-z0-9][^ ]*==", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    pip("installing what requirements.lock names", total, "--require-hashes", "-r", str(LOCK))
    pip("installing voicemesh", 1, "--no-build-isolation", "--editable", str(ROOT))
    STAMP.write_text(f"{wanted} {VENV}")
    STARTED.unlink()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nstopped; the next run begins the install anew")
