#!/usr/bin/env python3
"""Runs every command that README.md and server/PROTOCOL.md show, against a new daemon, and compares what it prints.

    tests/readme_test.py [--write] [DOCUMENT...]      --write: put what is printed now into the documents

A block marked ```sh is run as it stands, by bash, in a folder that looks like the repository's. If a block marked
```json or ```text follows it directly, that must be what it prints, to the byte, but for white space at the end; `…` in
it stands for any text. Else it must only succeed. The daemon listens on a free port, which takes the place of
127.0.0.1:8080 in commands and answers. The program is rnnlossd in the folder of the variable BUILD, or of build/.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCUMENTS = ["README.md", "server/PROTOCOL.md"]
ADDRESS = "127.0.0.1:8080"
SECONDS = 60  # that one command may take
BLOCK = re.compile(r"^```sh\n(?P<command>.*?)^```\n(?:\n*^```(?:json|text)\n(?P<output>.*?)^```\n)?", re.M | re.S)


class Daemon:
    """rnnlossd on a free port."""

    def __enter__(self):
        program = os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "rnnlossd")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RNNLOSSD_")}
        self.process = subprocess.Popen([program, "--listen", "127.0.0.1:0", "--log-level", "error"],
                                        stdout=subprocess.PIPE, text=True, env=environment)
        self.address = self.process.stdout.readline().strip().removeprefix("listening on http://")
        if not self.address:
            sys.exit("readme_test: the daemon did not start")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=60) != 0:
            sys.exit("readme_test: the daemon ended with status %d" % self.process.returncode)


def furnish(folder, address):
    """Makes the folder look like the repository's: what commands write stays out of that."""
    for name in os.listdir(ROOT):
        if not name.startswith(".") and name != "examples":
            os.symlink(os.path.join(ROOT, name), os.path.join(folder, name))
    os.mkdir(os.path.join(folder, "examples"))
    for name in os.listdir(os.path.join(ROOT, "examples")):
        source = os.path.join(ROOT, "examples", name)
        if os.path.isfile(source):
            with open(source, "rb") as old, open(os.path.join(folder, "examples", name), "wb") as new:
                new.write(old.read().replace(ADDRESS.encode(), address.encode()))


def run(command, address, folder):
    """(exit status, output) of a block of commands."""
    environment = dict(os.environ, LC_ALL="C.UTF-8", no_proxy="*")
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command.replace(ADDRESS, address)], cwd=folder,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment, timeout=SECONDS)
    return done.returncode, done.stdout.replace(address, ADDRESS), done.stderr


def matches(output, expected):
    pattern = ".*?".join(re.escape(part) for part in expected.rstrip().split("…"))
    return re.fullmatch(pattern, output.rstrip(), re.S) is not None


def check(document, address, folder, write):
    """(passed, failed) of the commands of one document."""
    path = os.path.join(ROOT, document)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    passed = failed = 0
    changes = []
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        status, output, complaints = run(block["command"], address, folder)
        good = status == 0 and (block["output"] is None or matches(output, block["output"]))
        if status == 0 and not good and write:
            changes.append((block.start("output"), block.end("output"), output.rstrip() + "\n"))
            print(f"{document}:{line}: written")
        elif not good:
            print(f"{document}:{line}: FAILED, exit status {status}\n{block['command']}{complaints}")
            print(f"--- it prints\n{output}\n--- the document has\n{block['output'] or ''}---")
        passed += good
        failed += not good
    for begin, end, output in reversed(changes):
        text = text[:begin] + output + text[end:]
    if changes:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    print(f"{document}: {passed + failed} commands")
    return passed, failed


def main():
    write = "--write" in sys.argv[1:]
    documents = [word for word in sys.argv[1:] if word != "--write"] or DOCUMENTS
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder, Daemon() as daemon:
        furnish(folder, daemon.address)
        for document in documents:
            good, bad = check(document, daemon.address, folder, write)
            if good + bad == 0:
                print(f"{document}: no commands were found")
                bad = 1
            passed += good
            failed += bad
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
