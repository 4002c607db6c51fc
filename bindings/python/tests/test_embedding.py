"""A program that has an interpreter in it, which ends before the program does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import lowthread
import pytest


def test_an_interpreter_ends_beside_blocked_threads_and_the_next_one_is_refused(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    include, folder, version = (sysconfig.get_config_var(name) for name in ("INCLUDEPY", "LIBDIR", "LDVERSION"))
    source = Path(__file__).with_name("embedding.c")
    program = tmp_path / "program"
    if compiler is None:
        pytest.skip("there is no C compiler")
    built = subprocess.run(
        [compiler, source, "-o", program, f"-I{include}", f"-L{folder}", f"-Wl,-rpath,{folder}", f"-lpython{version}"],
        capture_output=True,
        text=True,
    )
    if built.returncode != 0:
        pytest.skip("this Python has no shared library, or no header")
    blocked = """
import lowthread as lt
lock, queue = lt.Lock(), lt.Queue()
lock.acquire()
for wait in (lock.acquire, queue.get, lt.Event().wait, lt.Semaphore(0).acquire, lambda: lt.sleep(99)):
    lt.Thread(target=wait, daemon=True).start()
lt.Timer(0, lambda: None, repeat=0.001).start()
with lt.Pool(2) as pool:
    assert pool.submit(lambda: 5).result() == 5
print("first", flush=True)
"""
    again = """
try:
    import lowthread
except ImportError as error:
    print(error, flush=True)
"""
    done = subprocess.run(
        [program, blocked, again],
        env={
            **os.environ,
            "PYTHONHOME": f"{sys.base_prefix}:{sys.base_exec_prefix}",
            "PYTHONPATH": str(Path(lowthread.__file__).parent.parent),
        },
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "first\nlowthread serves one interpreter of a process, once: no sub-interpreters\nend\n"
