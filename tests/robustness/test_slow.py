#!/usr/bin/env python3
"""A thousand peers that dawdle, by slowhttptest and by hand: a good client hardly notices, and they are all gone in time.

    tests/robustness/test_slow.py [WORD...]

Needs slowhttptest.
"""
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cases  # noqa: E402
from http_raw import SAMPLE, Daemon, Reader, ask, get, is_sample_answer, metric, post  # noqa: E402
from peers import settles  # noqa: E402

PEERS = 1000
ROUNDS = 5
REQUESTS = 2000  # in each round


def latencies(daemon):
    """Seconds of each of many requests on one connection."""
    times = []
    with daemon.connect() as connection:
        reader = Reader(connection)
        for _ in range(REQUESTS):
            began = time.perf_counter()
            connection.sendall(post("/loss", SAMPLE))
            answer = reader.answer()
            times.append(time.perf_counter() - began)
            assert answer.status == 200
    return sorted(times)


def p99(times):
    return times[len(times) * 99 // 100]


def median(values):
    return sorted(values)[len(values) // 2]


class Dawdlers:
    """So many connections, each somewhere in a request, each of which sends a byte now and then."""

    def __init__(self, daemon, count):
        starts = (b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ", post("/loss", b"{", length=100000), b"G",
                  b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.connections = []
        for i in range(count):
            connection = daemon.connect()
            connection.sendall(starts[i % len(starts)])
            self.connections.append(connection)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.trickle)
        self.thread.start()

    def trickle(self):
        while not self.stopping.is_set():
            for connection in self.connections:
                try:
                    connection.send(b"1")
                except OSError:
                    pass
                time.sleep(0.002)  # each of them every other second

    def stop(self):
        self.stopping.set()
        self.thread.join()
        for connection in self.connections:
            connection.close()


def compare(daemon):
    """Median p99 of a good client alone, and among the slow peers, measured in turn."""
    alone, among = [], []
    for _ in range(ROUNDS):
        alone.append(p99(latencies(daemon)))
        dawdlers = Dawdlers(daemon, PEERS)
        among.append(p99(latencies(daemon)))
        dawdlers.stop()
        settles(daemon, "rnnlossd_connections", 1)
    return median(alone), median(among)


def test_good_client():
    """Its p99 stays within twice its own. Whatever else the machine does can only add to one side: so up to three tries."""
    with Daemon("--header-timeout", "600", "--transfer-timeout", "600") as daemon:
        latencies(daemon)
        for _ in range(3):
            alone, among = compare(daemon)
            print(f"  p99 alone {alone * 1e6:.0f} us, among {PEERS} slow peers {among * 1e6:.0f} us: {among / alone:.2f} times")
            if among <= 2 * alone:
                return
    raise AssertionError("the slow peers hold up a good client")


def slowhttptest(daemon, folder, path, *flags):
    """Runs it; returns what the daemon was found to be by a client that asked meanwhile."""
    url = daemon.addresses[0] + path
    command = ["slowhttptest", "-c", str(PEERS), "-r", "500", "-l", "12", "-p", "2", "-u", url, *flags]
    with open(os.path.join(folder, "out"), "wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    worst = 0.0
    while process.poll() is None:
        began = time.perf_counter()
        is_sample_answer(ask(daemon, post("/loss", SAMPLE)))
        worst = max(worst, time.perf_counter() - began)
        time.sleep(0.02)
    with open(os.path.join(folder, "out"), encoding="utf-8", errors="replace") as out:
        text = out.read()
    assert "service available:" in text.replace("\x1b", ""), text[-500:]
    assert "unavailable" not in text.lower(), text[-2000:]
    return worst


def attack(name, *flags):
    with tempfile.TemporaryDirectory() as folder, \
            Daemon("--header-timeout", "3", "--transfer-timeout", "3", "--idle-timeout", "5") as daemon:
        worst = slowhttptest(daemon, folder, "/loss", *flags)
        settles(daemon, "rnnlossd_requests_in_flight", 1)
        cut = metric(daemon, "rnnlossd_timeouts_total")
        print(f"  slowhttptest {name}: {cut:.0f} connections ended, the slowest good answer took {worst * 1000:.1f} ms")
        assert cut >= PEERS // 2, "the slow ones were not ended"
        assert ask(daemon, get("/readyz")).status == 200


def test_slow_headers():
    attack("-H, slow headers", "-H", "-i", "1", "-t", "GET", "-x", "24")


def test_slow_bodies():
    attack("-B, slow bodies", "-B", "-i", "1", "-s", "8192", "-x", "10", "-t", "POST")


def test_slow_readers():
    """-X reads answers byte by byte; /terms is the longest that a GET has."""
    with tempfile.TemporaryDirectory() as folder, Daemon("--transfer-timeout", "3", "--idle-timeout", "5") as daemon:
        worst = slowhttptest(daemon, folder, "/terms", "-X", "-w", "8", "-y", "16", "-n", "1", "-z", "1", "-k", "3")
        print(f"  slowhttptest -X, slow readers: the slowest good answer took {worst * 1000:.1f} ms")
        settles(daemon, "rnnlossd_requests_in_flight", 1)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    cases.main(globals())
