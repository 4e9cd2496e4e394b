"""The README's samples are run as they stand, and print what it shows.

RNNLOSS_WRITE_README=1     puts what they print now into the README instead
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(?P<kind>python|sh)\n(?P<code>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?", re.M | re.S)


def run_python(code, names):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "README.md", "exec"), names)
    return printed.getvalue()


def run_shell(code):
    words = shlex.split(code)
    assert words.pop(0) == "python3"
    environment = dict(os.environ, PYTHONPATH=str(FOLDER / "src"))
    return subprocess.run([sys.executable, *words], cwd=FOLDER, env=environment, capture_output=True, text=True,
                          check=True).stdout  # fmt: skip


@pytest.fixture
def _daemon(monkeypatch, url):
    monkeypatch.setenv("RNNLOSS_URL", url)
    monkeypatch.delenv("RNNLOSS_TOKEN", raising=False)


@pytest.mark.usefixtures("_daemon")
def test_samples():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    names, count, new, end = {}, 0, [], 0
    for block in BLOCK.finditer(text):
        if block["output"] is None:
            assert block["kind"] == "sh"  # how to install it
            continue
        count += 1
        found = run_python(block["code"], names) if block["kind"] == "python" else run_shell(block["code"])
        begin, after = block.span("output")
        new += [text[end:begin], found]
        end = after
        if not os.environ.get("RNNLOSS_WRITE_README"):
            assert found == block["output"], block["code"]
    assert count >= 8
    if os.environ.get("RNNLOSS_WRITE_README"):
        (FOLDER / "README.md").write_text("".join([*new, text[end:]]), encoding="utf-8")
