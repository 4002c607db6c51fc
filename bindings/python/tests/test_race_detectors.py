"""Helgrind and DRD see the package's own code, and are told to leave it out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

PROGRAM = """
import lowthread as lt

numbers, lock, event, total = lt.Queue(), lt.Lock(), lt.Event(), 0

def work():
    global total
    for i in range(20):
        with lock:
            total += i
        numbers.put(i)

threads = [lt.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with lt.Pool(2) as pool:
    futures = [pool.submit(lambda n=n: n * n) for n in range(10)]
    assert sum(future.result() for future in futures) == 285
lt.Timer(0.01, event.set).start()
event.wait()
assert total == 3 * 190 and numbers.qsize() == 60
"""


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="there is no valgrind")
@pytest.mark.parametrize("tool", ["helgrind", "drd"])
def test_no_report_is_about_the_package_itself(tool: str) -> None:
    command = ["valgrind", f"--tool={tool}", "--fair-sched=yes", sys.executable, "-c", PROGRAM]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    # Python's own code, and the C library's, may have some.
    found = re.findall(r"(?:Possible data race|Conflicting).*\n(?:.*Locks held.*\n)?(.*\n.*)", ended.stderr)
    assert not [frames for frames in found if "_native" in frames]
    # It was looked.
    assert re.search(r"suppressed: [1-9]", ended.stderr), ended.stderr
