#!/usr/bin/env python3
"""The daemon's life as its operator sees it: draining, reloading, service managers, logs and metrics.

    tests/life.py [WORD...]    only tests whose name holds a WORD
"""
import concurrent.futures
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time

from http_raw import DAEMON, SAMPLE, SECONDS, Daemon, Reader, ask, get, is_problem, is_sample_answer, metric, post


def until(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


# ---- Draining and reloading -------------------------------------------------------------------------------------

def test_drain_delay():
    """While it says that it is going, it still serves; then the door closes."""
    daemon = Daemon("--drain-delay", "2")
    with daemon.connect() as kept:
        reader = Reader(kept)
        kept.sendall(get("/readyz"))
        assert reader.answer().status == 200
        began = time.monotonic()
        daemon.process.send_signal(signal.SIGTERM)
        until(lambda: "event=drain" in daemon.said(), "it says nothing")
        kept.sendall(get("/readyz"))
        answer = reader.answer()
        is_problem(answer, 503, "draining")
        assert answer.headers.get("connection") != "close", answer.headers
        answer = ask(daemon, post("/loss", SAMPLE))  # on a new connection
        assert is_sample_answer(answer) and answer.headers.get("connection") != "close"
        assert metric(daemon, "rnnlossd_draining") == 1
    assert daemon.process.wait(SECONDS) == 0
    assert 2 <= time.monotonic() - began < 2 + 5
    daemon.process.stdout.close()


def test_second_signal_while_delayed():
    daemon = Daemon("--drain-delay", "60")
    daemon.process.send_signal(signal.SIGTERM)
    until(lambda: "event=drain" in daemon.said(), "it says nothing")
    time.sleep(0.1)
    assert daemon.stop(signal.SIGINT) == 128 + signal.SIGINT


def test_hangup():
    """SIGHUP makes it read its files again, and nothing else."""
    with Daemon() as daemon, daemon.connect() as kept:
        reader = Reader(kept)
        for i in range(3):
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda: daemon.said().count("event=reload") >= i + 1, "no reload")
            kept.sendall(get())
            assert reader.answer().status == 200
    at_once = subprocess.Popen([DAEMON, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    at_once.stdout.readline()
    at_once.send_signal(signal.SIGHUP)
    at_once.send_signal(signal.SIGTERM)
    assert at_once.wait(SECONDS) == 0
    at_once.stdout.close()


# ---- Service managers ---------------------------------------------------------------------------------------------

def test_notify():
    """READY once it accepts, RELOADING and READY around a reload, STOPPING at the end; by path and by abstract name."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (os.path.join(folder, "notify"), "@rnnlossd-test-%d" % os.getpid()):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.bind(name.replace("@", "\0"))
                manager.settimeout(SECONDS)
                daemon = Daemon(variables={"NOTIFY_SOCKET": name})
                assert manager.recv(500).startswith(b"READY=1")
                assert ask(daemon, get()).status == 200
                daemon.process.send_signal(signal.SIGHUP)
                reloading = manager.recv(500).split(b"\n")
                assert reloading[0] == b"RELOADING=1" and re.fullmatch(rb"MONOTONIC_USEC=\d+", reloading[1]), reloading
                assert abs(int(reloading[1].split(b"=")[1]) / 1e6 - time.monotonic()) < 10
                assert manager.recv(500).startswith(b"READY=1")
                assert daemon.stop() == 0
                assert manager.recv(500) == b"STOPPING=1"
    for odd in ("", "relative", "@", "/" + "x" * 200, "/nobody/listens/here"):
        with Daemon(variables={"NOTIFY_SOCKET": odd}) as daemon:
            assert ask(daemon, get()).status == 200


def activated(sockets, *flags, pid="$$"):
    """Starts the daemon with sockets from descriptor 3 on, as a service manager does."""
    moves = " ".join(f"{200 + i}<&{s.fileno()}" for i, s in enumerate(sockets))
    places = " ".join(f"{3 + i}<&{200 + i}" for i in range(len(sockets)))
    command = f"exec {moves}; exec {places}; LISTEN_PID={pid} LISTEN_FDS={len(sockets)} exec {shlex.join([DAEMON, *flags])}"
    for s in sockets:
        s.set_inheritable(True)
    return subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=False)


def test_socket_activation():
    """Passed sockets take the place of the default address; their paths and ports stay whose they are."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as tcp, \
            socket.socket(socket.AF_UNIX) as local:
        path, port = os.path.join(folder, "s"), tcp.getsockname()[1]
        local.bind(path)
        local.listen(16)
        daemon = activated([tcp, local])
        lines = [daemon.stdout.readline().decode().strip() for _ in range(2)]
        assert lines == [f"listening on http://127.0.0.1:{port}", f"listening on unix:{path}"], lines
        for family, address in ((socket.AF_INET, ("127.0.0.1", port)), (socket.AF_UNIX, path)):
            with socket.socket(family) as connection:
                connection.settimeout(SECONDS)
                connection.connect(address)
                connection.sendall(get())
                assert Reader(connection).answer().status == 200
        daemon.terminate()
        rest, _ = daemon.communicate(timeout=SECONDS)
        assert daemon.returncode == 0 and rest == b"" and os.path.exists(path)

        daemon = activated([tcp], "--listen", "127.0.0.1:0")  # named ones are served beside
        lines = [daemon.stdout.readline().decode() for _ in range(2)]
        assert f":{port}\n" in lines[0] and lines[1].startswith("listening on http://127.0.0.1:"), lines
        daemon.terminate()
        daemon.communicate(timeout=SECONDS)

        daemon = activated([tcp], "--listen", "127.0.0.1:0", pid="1")  # meant for another process
        assert f":{port}\n" not in daemon.stdout.readline().decode()
        daemon.terminate()
        daemon.communicate(timeout=SECONDS)


def test_activation_refused():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        daemon = activated([datagrams])
        out, errors = daemon.communicate(timeout=SECONDS)
        assert daemon.returncode == 1 and out == b"" and b"passed descriptor 3" in errors, errors


# ---- Logs -----------------------------------------------------------------------------------------------------------

TRACE = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def requests(daemon):
    is_sample_answer(ask(daemon, post("/loss", SAMPLE, "X-Request-Id: mine", TRACE)))
    ask(daemon, get("/no\x7fwhere%0aevent=forged", 'X-Request-Id: "a" level=error', "traceparent: \xff\" x=1"))
    ask(daemon, post("/loss", b"{"))
    ask(daemon, get("/livez", method="HEAD"), "HEAD")
    with daemon.connect() as connection:  # goes away before it is answered
        connection.sendall(post("/loss", b"{", length=100))
        until(lambda: metric(daemon, "rnnlossd_requests_in_flight") == 2, "the request isn't seen")
    until(lambda: metric(daemon, "rnnlossd_requests_in_flight") == 1, "the request isn't over")


def check_lines(lines):
    first, = (line for line in lines if line["id"] == "mine")
    assert first["trace"] == "0af7651916cd43dd8448eb211c80319c", first
    assert (first["method"], first["route"], first["terms"]) == ("POST", "/loss", "mse"), first
    assert (int(first["status"]), int(first["received"])) == (200, len(SAMPLE)), first
    total = sum(int(first[phase]) for phase in ("receive_us", "terms_us", "send_us"))
    assert int(first["sent"]) > 100 and 0 < int(first["total_us"]) < 10**7 and total <= int(first["total_us"]) + 3, first
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"]), first
    odd, = (line for line in lines if line["route"] == "none")
    assert "trace" not in odd and re.fullmatch("[0-9a-f]{16}", odd["id"]), odd
    bad, = (line for line in lines if int(line["status"]) == 400 and line["route"] == "/loss")
    assert int(bad["received"]) == 1 and "terms" not in bad, bad
    head, = (line for line in lines if line["method"] == "HEAD")
    assert int(head["sent"]) == 0 and int(head["status"]) == 200, head
    gone, = (line for line in lines if int(line["status"]) == 0)
    assert int(gone["received"]) == 1, gone


def test_access_log():
    for form in ("logfmt", "json"):
        daemon = Daemon("--access-log", "--log-format", form, "--log-level", "debug")
        requests(daemon)
        assert daemon.stop() == 0
        lines = daemon.said().splitlines()
        if form == "json":
            records = [json.loads(line) for line in lines]
        else:
            assert all(re.fullmatch(r'\w+=("(\\.|[^"\\])*"|[^ "]*)( \w+=("(\\.|[^"\\])*"|[^ "]*))*', line) for line in lines), lines
            records = [dict(word.split("=", 1) for word in shlex.split(line)) for line in lines]
        assert records[-1]["event"] == "end" and not any(record["event"] == "forged" for record in records)
        check_lines([record for record in records if record["event"] == "request" and record["route"] != "/metrics"])
    with Daemon() as daemon:
        requests(daemon)
        assert "event=request" not in daemon.said()


def test_refusals_are_logged():
    """What the daemon could not do is a warning, a few times a second at most."""
    with Daemon("--max-memory", "16MiB", "--max-connections", "8") as daemon:
        for _ in range(20):
            held = daemon.connect()
            held.sendall(post("/loss", b"", length=14 << 20))
            until(lambda: metric(daemon, "rnnlossd_reserved_bytes") > 14 << 20, "nothing is reserved")
            is_problem(ask(daemon, post("/loss", b"", length=14 << 20)), 503, "overloaded")
            held.close()
            until(lambda: metric(daemon, "rnnlossd_reserved_bytes") < 14 << 20, "nothing is given back")
        lines = [line for line in daemon.said().splitlines() if "event=refused" in line]
        assert lines and "status=503" in lines[0] and "--max-memory" in lines[0], lines
        assert len(lines) <= 20


def test_standard_error_is_lost():
    """A closed standard error, a full disk or a pipe that nobody reads don't hold it up, and no socket takes its place."""
    reading, writing = os.pipe()
    for redirect in ("2>&-", "2>/dev/full", f"2>&{writing}", "0<&- 2>&-"):
        command = f"exec {shlex.quote(DAEMON)} --listen 127.0.0.1:0 --access-log {redirect}"
        daemon = subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, pass_fds=[writing])
        host, port = daemon.stdout.readline().decode().split("//")[1].strip().rsplit(":", 1)
        with socket.create_connection((host, int(port)), SECONDS) as connection:
            reader = Reader(connection)
            for _ in range(1000):
                connection.sendall(get())
                assert reader.answer().status == 200
            connection.sendall(get("/metrics"))
            text = reader.answer().body.decode()
        dropped = int(re.search(r"^rnnlossd_log_lines_dropped_total (\d+)$", text, re.M)[1])
        assert (dropped > 500) == (redirect in ("2>/dev/full", f"2>&{writing}")), (redirect, dropped)
        daemon.terminate()
        assert daemon.wait(SECONDS) == 0
        daemon.stdout.close()
    os.close(reading)
    os.close(writing)


# ---- Metrics --------------------------------------------------------------------------------------------------------

def test_metrics_are_well_formed():
    """Every sample belongs to a family that was described before it, once; histograms add up."""
    with Daemon() as daemon:
        requests(daemon)
        families, kind, buckets = {}, None, {}
        for line in ask(daemon, get("/metrics")).body.decode().splitlines():
            if line.startswith("# HELP "):
                name = line.split(" ")[2]
                assert name not in families, name
                families[name] = None
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name in families and families[name] is None, name
                families[name] = kind
            else:
                sample = re.fullmatch(r'(\w+?)(_bucket|_sum|_count)?(\{(.*)\})? ([0-9.eE+-]+)', line)
                assert sample, line
                name, suffix, labels, value = sample[1], sample[2], sample[4], float(sample[5])
                assert name in families, line
                assert families[name] != "counter" or name.endswith("_total"), line
                if suffix == "_bucket":
                    key = labels.split(",le=")[0]
                    assert value >= buckets.get(key, 0), line
                    buckets[key] = value
                elif suffix == "_count":
                    assert buckets[labels] == value, line
        assert families["process_resident_memory_bytes"] == "gauge" and families["rnnlossd_shed_total"] == "counter"
        assert metric(daemon, "process_resident_memory_bytes") > 1 << 20
        assert 5 < metric(daemon, "process_open_fds") <= metric(daemon, "process_max_fds")


def run(name, test):
    try:
        test()
        return True, None
    except Exception as error:  # one test's failure is not the end of the others
        return False, f"FAILED {name}: {type(error).__name__}: {error}"


def main():
    words = sys.argv[1:]
    tests = [(name, test) for name, test in globals().items()
             if name.startswith("test_") and (not words or any(word in name for word in words))]
    passed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        for good, line in pool.map(lambda pair: run(*pair), tests):
            passed += good
            if line:
                print(line, flush=True)
    print(f"{passed} passed, {len(tests) - passed} failed")
    sys.exit(0 if tests and passed == len(tests) else 1)


if __name__ == "__main__":
    main()
