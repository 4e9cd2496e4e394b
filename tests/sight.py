#!/usr/bin/env python3
"""What the daemon lets be seen of itself: log lines, the access log, metrics.

    tests/sight.py [WORD...]    only tests whose name holds a WORD
"""
import datetime
import json
import os
import re
import resource
import socket
import struct
import subprocess
import tempfile
import time

import cases
from cases import wait_for
from http_raw import DAEMON, SAMPLE, Daemon, Reader, ask, get, is_sample_answer, metric, post
from life import Started

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"traceparent: 00-{TRACE}-00f067aa0ba902b7-01"
FIELDS = ["time", "level", "event", "id", "trace_id", "method", "route", "status", "bytes_in", "bytes_out", "receive_us",
          "reduce_us", "terms_us", "send_us", "total_us", "terms", "token", "closed_early"]
NUMBERS = [name for name in FIELDS if name.endswith("_us") or name.startswith("bytes")] + ["status"]


def logfmt(line):
    """The fields of a line, by a strict reading: words that can't be misread, or JSON strings."""
    fields, at = {}, 0
    for match in re.finditer(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[A-Za-z0-9_.:/,-]+)( |$)', line):
        assert match.start() == at, line
        name, value, at = match[1], match[2], match.end()
        assert name not in fields, line
        fields[name] = json.loads(value) if value[0] == '"' else value
    assert at == len(line), line
    return fields


def lines(daemon, event, count, parse):
    """The lines of an event, once there are so many."""
    def now():
        return [line for line in map(parse, daemon.said().split("\n")[:-1]) if line["event"] == event]
    wait_for(lambda: len(now()) >= count, f"fewer than {count} lines in {daemon.said()}")
    found = now()
    assert len(found) == count, found
    return found


FORMATS = {"logfmt": logfmt, "json": json.loads}


def logging(name, *flags):
    return Daemon("--log-format", name, "--access-log", "--threads", "1", *flags)


# ---- The access log -------------------------------------------------------------------------------------------


def test_access_log():
    for name, parse in FORMATS.items():
        with logging(name, "--log-level", "error") as daemon:
            with daemon.connect() as connection:
                reader = Reader(connection)
                connection.sendall(post("/loss", SAMPLE, "X-Request-Id: run-7/a", PARENT) + get("/terms") + get("/none?a=b") +
                                   get("/terms", method="HEAD"))
                answers = [reader.answer() for _ in range(3)] + [reader.answer("HEAD")]
            found = lines(daemon, "request", 4, parse)
        for line in found:
            assert list(line) == [field for field in FIELDS if field in line], line
            at = datetime.datetime.strptime(line["time"], "%Y-%m-%dT%H:%M:%S.%fZ")
            assert abs((datetime.datetime.utcnow() - at).total_seconds()) < 60, line
            assert line["level"] == "info" and line["closed_early"] in ("false", False), line
            for field in NUMBERS:
                assert isinstance(line[field], str if name == "logfmt" else int), line
                line[field] = int(line[field])
            assert line["receive_us"] + line["send_us"] <= line["total_us"] + 2, line
        first = found[0]
        assert first["id"] == "run-7/a" and first["trace_id"] == TRACE and first["terms"] == "mse", first
        assert [line["id"] for line in found] == [answer.headers["x-request-id"] for answer in answers]
        assert [line["method"] for line in found] == ["POST", "GET", "GET", "HEAD"]
        assert [line["route"] for line in found] == ["/loss", "/terms", "none", "/terms"], found
        assert [line["status"] for line in found] == [200, 200, 404, 200]
        assert [line["bytes_in"] for line in found] == [len(SAMPLE), 0, 0, 0]
        assert [line["bytes_out"] for line in found] == [len(answer.body) for answer in answers]
        assert "terms" not in found[1] and "token" not in first and "trace_id" not in found[1]


def test_terms_in_the_log():
    body = json.dumps({"lambdas": {"lambda_fr_cv": 1, "lambda_mse": 1, "lambda_hid": 2},
                       "tensors": {"pred": [1], "target": [1], "fr": [1, 2], "w_hid": [[1, 2], [3, 4]]}}).encode()
    for name, parse in FORMATS.items():
        with logging(name) as daemon:
            assert ask(daemon, post("/loss", body)).status == 200
            assert lines(daemon, "request", 1, parse)[0]["terms"] == "mse,hid,fr_cv"


def test_no_access_log_by_default():
    for flags, variables in (([], {}), (["--log-level", "debug"], {}), ([], {"RNNLOSSD_ACCESS_LOG": "0"})):
        with Daemon(*flags, variables=variables) as daemon:
            assert ask(daemon, get()).status == 200
        assert "event=request" not in daemon.said()
    with Daemon(variables={"RNNLOSSD_ACCESS_LOG": "1", "RNNLOSSD_LOG_FORMAT": "json"}) as daemon:
        assert ask(daemon, get()).status == 200
        lines(daemon, "request", 1, json.loads)


def large():
    """A request whose answer doesn't fit into any socket's buffers."""
    header = json.dumps({"pred": {"dtype": "F64", "shape": [1 << 21], "data_offsets": [0, 1 << 24]},
                         "target": {"dtype": "F64", "shape": [1 << 21], "data_offsets": [1 << 24, 1 << 25]}}).encode()
    return post("/loss?lambda_mse=1", struct.pack("<Q", len(header)) + header + bytes(1 << 25))


def test_peers_that_leave():
    for name, parse in FORMATS.items():
        with logging(name) as daemon:
            with daemon.connect() as connection:
                connection.sendall(post("/loss", SAMPLE[:10], length=len(SAMPLE)))
                wait_for(lambda: metric(daemon, "rnnlossd_requests_in_flight") == 2, "it doesn't begin")
            wait_for(lambda: metric(daemon, "rnnlossd_requests_in_flight") == 1, "it doesn't end")
            with daemon.connect() as connection:
                connection.sendall(large())
                connection.recv(1000)
            wait_for(lambda: metric(daemon, "rnnlossd_requests_in_flight") == 1, "it doesn't end")
            time.sleep(0.1)
            found = [line for line in map(parse, daemon.said().split("\n")[:-1]) if line.get("route") == "/loss"]
        gone, cut = found
        assert gone["status"] == ("gone" if name == "logfmt" else None) and int(gone["bytes_in"]) == 10, gone
        assert str(cut["status"]) == "200" and 0 < int(cut["bytes_out"]) < 1 << 24, cut
        assert all(line["closed_early"] in (True, "true") for line in found), found


EVIL = (b'x" level=error event=fake', b"x\\", b"a b", b"a=b\tevent=fake", b'","event":"fake', b"\xff\xfe", b"\xc2\x9b31m",
        b"\xe2\x80\xa8event=fake", b"%0aevent=fake", b"$(reboot)", b"\x1b[2J", b"{}", b"", b"x" * 5000)


def test_injection():
    """What peers send makes neither lines nor fields."""
    for name, parse in FORMATS.items():
        with logging(name) as daemon:
            sent = 0
            for evil in EVIL:
                for request in (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + evil + b"\r\n\r\n",
                                b"GET /livez HTTP/1.1\r\nHost: x\r\ntraceparent: " + evil + b"\r\n\r\n",
                                b"GET /" + evil.replace(b" ", b"%20") + b"?" + evil.replace(b" ", b"") + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                                (evil.replace(b" ", b"") or b"X") + b" /livez HTTP/1.1\r\nHost: x\r\n\r\n"):
                    with daemon.connect() as connection:
                        connection.sendall(request)
                        sent += Reader(connection).answer().status > 0
            found = lines(daemon, "request", sent, parse)
            for line in found:
                assert set(line) <= set(FIELDS) and line["route"] in ("/livez", "none", "/"), line
                assert re.fullmatch(r"[\w.:/+=@-]{1,64}", line["id"]) and "trace_id" not in line, line
                assert line["method"] in ("GET", "other"), line
            assert "fake" not in daemon.said() and daemon.said().isprintable is not None
            assert all(character == "\n" or character.isprintable() for character in daemon.said())


def test_trace_ids():
    bad = (f"01-{TRACE}-00f067aa0ba902b7-01x", f"00-{TRACE}-00f067aa0ba902b7-01-more", f"ff-{TRACE}-00f067aa0ba902b7-01", f"00-{'0' * 32}-00f067aa0ba902b7-01",
           f"00-{TRACE.upper()}-00f067aa0ba902b7-01", f"00-{TRACE}-00f067aa0ba902b7", f"00-{TRACE}-00f067aa0ba902b-01",
           f"00-{TRACE}-00f067aa0ba902b7-0", TRACE, "00-", "00", "0")
    with logging("json") as daemon:
        for value in bad:
            ask(daemon, get("/livez", "traceparent: " + value))
        ask(daemon, get("/livez", PARENT))
        ask(daemon, get("/livez", f"traceparent: 01-{TRACE}-00f067aa0ba902b7-00-more"))
        found = lines(daemon, "request", len(bad) + 2, json.loads)
    assert [line.get("trace_id") for line in found] == [None] * len(bad) + [TRACE] * 2, found


# ---- The other lines ------------------------------------------------------------------------------------------


def test_json_lines():
    daemon = Daemon("--log-format", "json", "--log-level", "debug")
    with daemon.connect() as connection:
        connection.sendall(b"no HTTP \xff\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1000):
            pass
    assert daemon.stop() == 0
    found = [json.loads(line) for line in daemon.said().splitlines()]
    assert {line["event"] for line in found} >= {"start", "listening", "drain", "end"}, found
    fields = {"selftest": {"count", "milliseconds", "kernel"}}
    assert all(set(line) == {"time", "level", "event"} | fields.get(line["event"], {"detail"}) for line in found), found
    with Daemon() as daemon:
        pass
    assert {logfmt(line)["event"] for line in daemon.said().splitlines()} >= {"start", "listening", "drain", "end"}


def dropped(daemon):
    return metric(daemon, "rnnlossd_log_lines_dropped_total")


def serves(daemon, count):
    """So many requests on one connection, in a time in which none has waited for a log."""
    began = time.monotonic()
    with daemon.connect() as connection:
        reader = Reader(connection)
        for _ in range(count):
            connection.sendall(post("/loss", SAMPLE))
            assert is_sample_answer(reader.answer())
    assert time.monotonic() - began < 10


def test_full_disk():
    with Started('exec "$@" 2>/dev/full', "--access-log", "--listen", "127.0.0.1:0") as daemon:
        before = dropped(daemon)
        assert before >= 2  # of the start
        serves(daemon, 100)
        assert before + 98 <= dropped(daemon) <= before + 103


def blocked(reading, writing, *flags):
    """A daemon whose log goes to where nobody reads; then somebody does."""
    process = subprocess.Popen([DAEMON, "--access-log", "--log-format", "json", "--listen", "127.0.0.1:0", *flags],
                               stdout=subprocess.PIPE, stderr=writing)
    daemon = Daemon.__new__(Daemon)
    daemon.process, daemon.addresses = process, [process.stdout.readline().decode().split(" ")[2].strip()]
    serves(daemon, 2000)
    lost = dropped(daemon)
    assert lost > 100, lost
    said = read_all(reading)
    serves(daemon, 5)
    assert daemon.stop() == 0
    return said + read_all(reading)


def read_all(descriptor):
    """What is there by now."""
    said = b""
    os.set_blocking(descriptor, False)
    try:
        while piece := os.read(descriptor, 1 << 20):
            said += piece
    except BlockingIOError:
        pass
    return said


def test_blocked_pipe():
    reading, writing = os.pipe()
    said = blocked(reading, writing)
    for line in said.decode().split("\n")[:-1]:
        json.loads(line)
    assert said.endswith(b"\n") and b'"event":"end"' in said
    assert os.get_blocking(writing), "the pipe that others share was made non-blocking"
    os.close(reading)
    os.close(writing)


def test_blocked_socket():
    """As journald's is."""
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8000)
    said = blocked(ours.fileno(), theirs.fileno())
    for line in said.decode().split("\n")[:-1]:
        json.loads(line)
    assert said.endswith(b"\n") and b'"event":"end"' in said, said[-1000:]
    ours.close()
    theirs.close()


def test_too_many_connections():
    """Those turned away are counted, and told of by bounded warnings that say how many more there were."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with tempfile.TemporaryDirectory() as folder, Daemon("--threads", "2", "--listen", f"unix:{folder}/s") as daemon:
        held, status = [], 200
        while status == 200 and len(held) < 4096:
            held += [daemon.connect() for _ in range(64)]
            held[-1].sendall(get())
            status = Reader(held[-1]).answer().status
        for connection in held:
            connection.close()
        assert status == 503, f"{len(held)} connections are not too many"
        wait_for(lambda: ask(daemon, get()).status == 200, "it doesn't recover")
        turned_away = metric(daemon, 'rnnlossd_shed_total{reason="connections"}')
        assert turned_away > 0
        def told():
            found = [line for line in map(logfmt, daemon.said().split("\n")[:-1]) if line["event"] == "failure"]
            return sum(int(line.get("suppressed", 0)) + ("status" in line) for line in found)
        wait_for(lambda: told() >= turned_away, f"{told()} of {turned_away}")
        assert told() == metric(daemon, 'rnnlossd_shed_total{reason="connections"}')
        assert "level=warning event=failure status=503" in daemon.said()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---- Metrics --------------------------------------------------------------------------------------------------

SAMPLE_LINE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? ([0-9.e+-]+|\+Inf)')


def families(text):
    """{name: (type, {(sample, labels): value})}; every rule of the text format that a reader may rely on is checked."""
    found, name = {}, None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in found and len(line.split(" ", 3)[3]) > 10, line
            found[name] = [None, {}]
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == name and found[name] == [None, {}], line
            found[name][0] = line.split(" ")[3]
        else:
            sample, labels, value = SAMPLE_LINE.fullmatch(line).groups()
            kind = found[name][0]
            suffix = sample[len(name):]
            assert sample.startswith(name) and suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",)), line
            key = (sample, tuple(re.findall(r'([a-z_]+)="([^"]*)"', labels or "")))
            assert key not in found[name][1], f"{line} comes twice"
            assert kind != "counter" or name.endswith("_total"), line
            found[name][1][key] = float(value)
    return found


def check_histogram(name, samples):
    groups = {}
    for (sample, labels), value in samples.items():
        rest = tuple(label for label in labels if label[0] != "le")
        group = groups.setdefault(rest, {"buckets": []})
        if sample.endswith("_bucket"):
            group["buckets"].append((float(dict(labels)["le"]), value))
        else:
            group[sample[len(name):]] = value
    assert groups
    for group in groups.values():
        bounds, counts = zip(*group["buckets"])
        assert list(bounds) == sorted(set(bounds)) and bounds[-1] == float("inf"), bounds
        assert list(counts) == sorted(counts) and counts[-1] == group["_count"] and group["_sum"] >= 0, group


EXPECTED = {"rnnlossd_build_info": "gauge", "rnnlossd_requests_total": "counter", "rnnlossd_request_duration_seconds": "histogram",
            "rnnlossd_evaluations_total": "counter", "rnnlossd_shed_total": "counter", "rnnlossd_received_bytes_total": "counter",
            "rnnlossd_sent_bytes_total": "counter", "rnnlossd_requests_in_flight": "gauge", "rnnlossd_connections": "gauge",
            "rnnlossd_draining": "gauge", "rnnlossd_memory_limit_bytes": "gauge", "rnnlossd_selftest_passed": "gauge",
            "rnnlossd_log_lines_dropped_total": "counter", "process_cpu_seconds_total": "counter",
            "process_resident_memory_bytes": "gauge", "process_virtual_memory_bytes": "gauge", "process_open_fds": "gauge",
            "process_max_fds": "gauge", "process_start_time_seconds": "gauge"}


def test_families():
    with Daemon("--threads", "2") as daemon:
        for request in (post("/loss", SAMPLE), post("/loss", b"{"), get("/terms"), get("/x\"y\\z"), b"BREW /x HTTP/1.1\r\nHost: x\r\n\r\n"):
            ask(daemon, request)
        time.sleep(0.05)
        found = families(ask(daemon, get("/metrics")).body.decode())
        for name, kind in EXPECTED.items():
            assert found[name][0] == kind and found[name][1], name
        for name, (kind, samples) in found.items():
            if kind == "histogram":
                check_histogram(name, samples)
        values = {name: next(iter(samples.values())) for name, (kind, samples) in found.items()}
        assert values["process_resident_memory_bytes"] > 1 << 20 and values["process_cpu_seconds_total"] > 0
        held = [daemon.connect() for _ in range(20)]
        for connection in held:
            connection.sendall(get())
            Reader(connection).answer()
        assert 5 < values["process_open_fds"] <= metric(daemon, "process_open_fds") - 15
        assert abs(values["process_open_fds"] + 20 - len(os.listdir(f"/proc/{daemon.process.pid}/fd"))) <= 3
        assert values["process_max_fds"] >= values["process_open_fds"]
        assert values["rnnlossd_selftest_passed"] == 1 and values["rnnlossd_memory_limit_bytes"] > 1 << 20
        assert "rnnlossd_certificate_expires_seconds" not in found  # it speaks no TLS
        routes = {dict(labels)["route"] for _, labels in found["rnnlossd_requests_total"][1]}
        assert routes == {"/loss", "/terms", "none"}, routes
        reasons = {dict(labels)["reason"] for _, labels in found["rnnlossd_shed_total"][1]}
        assert reasons == {"overloaded", "rate-limited", "draining", "connections"}
        for connection in held:
            connection.close()


if __name__ == "__main__":
    cases.main(globals())
