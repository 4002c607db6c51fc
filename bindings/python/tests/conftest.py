"""What the tests share: programs in processes of their own, which a deadlock does not outlive."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from typing import Callable

import pytest

Run = Callable[..., str]

# A shell has what it starts in the background ignore Ctrl-C, and so do the programs that are run below.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def run() -> Run:
    """Runs a program, which must end well within 30 seconds, and gives what it printed."""

    def program(code: str, *, status: int = 0, module: bool = False) -> str:
        # Since 3.12 a fork beside threads is warned of.
        command = [
            sys.executable,
            "-W",
            "ignore::DeprecationWarning",
            *(["-m", "lowthread"] if module else []),
            "-c",
            textwrap.dedent(code),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + (done.stderr if status == 0 else "")

    return program
