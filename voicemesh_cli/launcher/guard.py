"""Becomes another program that the kernel kills when its parent dies.

Usage: python guard.py PARENT_PID PROGRAM ARG...

Run by path and without the site packages, so that it costs milliseconds. Only Linux has the means
(prctl(2), PR_SET_PDEATHSIG; it survives execve); elsewhere the program runs unguarded.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Ask for the signal, then become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != parent:  # it died before the kernel knew whom to tell
            sys.exit("the launcher is gone")
    os.execv(program[0], program)  # noqa: S606 - the launcher's own command line, no shell


if __name__ == "__main__":
    main()
