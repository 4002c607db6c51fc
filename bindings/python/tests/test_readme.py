"""Every example of the README runs, by itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Run

README = (Path(__file__).parent.parent / "README.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
PRINTED = [
    "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]\n",
    None,
    "got 1\ntold to stop\n",
    "got a job\n",
    "['from a thread']\n",
    "the loop hangs\n",
]


@pytest.mark.parametrize(("example", "printed"), list(zip(EXAMPLES, PRINTED)))
def test_an_example_runs(run: Run, example: str, printed: str | None) -> None:
    out = run(example)
    assert out.startswith("<unlocked _thread.lock") if printed is None else out == printed


def test_the_first_example_has_ten_lines_at_most() -> None:
    assert len(EXAMPLES) == len(PRINTED)
    assert len(EXAMPLES[0].splitlines()) <= 10
