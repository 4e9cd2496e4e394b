#!/usr/bin/env python3
"""Runs the samples of README.md, as they are printed there, and compares what they print.

    readme_test.py PREFIX [--write]     PREFIX: where the client is installed; --write renews what they print
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
README = os.path.join(os.path.dirname(HERE), "README.md")
SAMPLE = re.compile(r"```(c|sh)\n(.*?)```\n\n```text\n(.*?)```", re.S)


def run(kind, code, prefix, folder):
    env = dict(os.environ, RNNLOSS_URL=os.environ["RNNLOSS_TEST_URL"], PATH=f"{prefix}/bin:{os.environ['PATH']}",
               LD_LIBRARY_PATH=f"{prefix}/lib", PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig")
    if kind == "c":
        with open(os.path.join(folder, "sample.c"), "w", encoding="utf-8") as file:
            file.write(code)
        code = "cc -std=c11 -Wall -Wextra -Wpedantic -Werror sample.c -o sample $(pkg-config --cflags --libs rnnloss-client) && ./sample"
    result = subprocess.run(["bash", "-c", code], cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    return result.stdout + result.stderr


def main():
    prefix = os.path.abspath(sys.argv[1])
    with open(README, encoding="utf-8") as file:
        text = file.read()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind, code, expected in SAMPLE.findall(text):
            printed = run(kind, code, prefix, folder)
            if printed == expected:
                passed += 1
            elif "--write" in sys.argv:
                text = text.replace(code + "```\n\n```text\n" + expected, code + "```\n\n```text\n" + printed)
            else:
                failed += 1
                print(f"README.md: a sample printed\n{printed}instead of\n{expected}")
    if "--write" in sys.argv:
        with open(README, "w", encoding="utf-8") as file:
            file.write(text)
    samples = len(re.findall(r"```(?:c|sh)\n", text))
    if passed + failed != samples and "--write" not in sys.argv:
        failed += 1
        print(f"README.md: {samples} samples, but {passed + failed} show what they print")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
