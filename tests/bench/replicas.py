#!/usr/bin/env python3
"""How requests a second grow with processes of rnnlossd: wrk at one of one loop, at two, and at two behind haproxy.

    tests/bench/replicas.py BUILD [--json]

All in one run, in turns, so that a busy moment meets every row. The clients and the proxy share the machine with the
daemons: on few processors that is what bounds the rows below.
"""
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
os.environ.setdefault("BUILD", sys.argv[1] if len(sys.argv) > 1 else "build")
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "deploy")]
import test_replicas  # noqa: E402
from http_raw import Daemon  # noqa: E402

TURNS, SECONDS = 5, 2
LUA = """
wrk.method, wrk.body = "POST", io.open("%s", "rb"):read("*a")
wrk.headers["Content-Type"] = "%s"
"""


def load(port, script, connections):
    return subprocess.Popen(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", script, f"http://127.0.0.1:{port}/loss"],
                            stdout=subprocess.PIPE, text=True)


def rate(loads):
    """Requests a second of all of them together."""
    said = [process.communicate(timeout=60)[0] for process in loads]
    assert not any("Non-2xx" in text or "Socket errors" in text for text in said), said
    return sum(float(re.search(r"Requests/sec: *([0-9.]+)", text)[1]) for text in said)


def bodies(folder):
    """name -> wrk's script."""
    large = test_replicas.batch(256, 1024, 1).split(b"\r\n\r\n", 1)[1]
    with open(os.path.join(folder, "large"), "wb") as file:
        file.write(large)
    made = {}
    for name, path, kind in (("small JSON", os.path.join(ROOT, "examples", "loss.json"), "application/json"),
                             ("1 MB safetensors with gradient", os.path.join(folder, "large"), "application/vnd.safetensors")):
        made[name] = os.path.join(folder, name.replace(" ", "-") + ".lua")
        with open(made[name], "w", encoding="utf-8") as file:
            file.write(LUA % (path, kind))
    return made


def measure(house, single, script):
    """One turn of every row."""
    one, two = house.ports[:2]
    return {"one process": rate([load(single, script, 8)]),
            "two processes": rate([load(port, script, 4) for port in (one, two)]),
            "two behind haproxy": rate([load(house.port, script, 8)])}


def main():
    as_json = "--json" in sys.argv
    with tempfile.TemporaryDirectory() as folder, test_replicas.House(replicas=2) as house, Daemon("--threads", "1") as alone:
        single = int(alone.addresses[0].rsplit(":", 1)[1])
        for name, script in bodies(folder).items():
            turns = []
            for turn in range(TURNS):
                turns.append(measure(house, single, script))
                print(f"{name}: turn {turn + 1} of {TURNS}", file=sys.stderr, flush=True)
            median = {row: statistics.median(turn[row] for turn in turns) for row in turns[0]}
            for row, value in median.items():
                ratio = value / median["one process"]
                if as_json:
                    print(json.dumps({"request": name, "row": row, "requests_per_second": round(value), "ratio": round(ratio, 2)}))
                else:
                    print(f"{name:32} {row:20} {value:10.0f} requests/s   {ratio:5.2f} of one process")


if __name__ == "__main__":
    main()
