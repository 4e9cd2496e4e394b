#!/usr/bin/env python3
"""Speaks HTTP to the daemon over bare sockets: what no HTTP client would send, and when.

    tests/http_raw.py [WORD...]    only tests whose name holds a WORD

Starts $BUILD/rnnlossd (build/ by default) on port 0 and on a unix socket.
"""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
DAEMON = os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "rnnlossd")
SECONDS = 20  # that any one answer may take


class Daemon:
    """A running rnnlossd."""

    def __init__(self, *flags, variables=None):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RNNLOSSD_")}
        environment.update(variables or {})
        if not any(flag.startswith("--listen") for flag in flags) and "RNNLOSSD_LISTEN" not in environment:
            flags += ("--listen", "127.0.0.1:0")
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([DAEMON, *flags], stdout=subprocess.PIPE, stderr=self.log, env=environment)
        self.addresses = []
        addresses = sum(flag.startswith("--listen") for flag in flags) or environment["RNNLOSSD_LISTEN"].count(",") + 1
        for _ in range(addresses):
            line = self.process.stdout.readline().decode()
            if not line.startswith("listening on "):
                raise AssertionError(f"instead of an address: {line!r} {self.said()!r}")
            self.addresses.append(line[len("listening on "):].strip())

    def said(self):
        # Not by the file's position, which is the daemon's, too: it would go on writing from there.
        return os.pread(self.log.fileno(), os.fstat(self.log.fileno()).st_size, 0).decode()

    def connect(self, which=0):
        address = self.addresses[which]
        if address.startswith("unix:"):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(SECONDS)
            connection.connect(address[len("unix:"):])
            return connection
        host, port = address[len("http://"):].rsplit(":", 1)
        return socket.create_connection((host.strip("[]"), int(port)), SECONDS)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(SECONDS + 30)
        self.process.stdout.close()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.process.poll() is None:
            status = self.stop()
            assert exception[0] or status == 0, f"the daemon ended with {status}: {self.said()}"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Reader:
    """Reads answers, one after the other, from a socket."""

    def __init__(self, connection):
        self.connection, self.rest = connection, b""

    def more(self):
        piece = self.connection.recv(65536)
        self.rest += piece
        return bool(piece)

    def until(self, mark):
        while mark not in self.rest:
            if not self.more():
                raise EOFError(f"the connection ended after {self.rest!r}")
        head, self.rest = self.rest.split(mark, 1)
        return head

    def exactly(self, length):
        while len(self.rest) < length:
            if not self.more():
                raise EOFError(f"the connection ended {length - len(self.rest)} bytes early")
        body, self.rest = self.rest[:length], self.rest[length:]
        return body

    def answer(self, method="GET"):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            name = name.lower()
            assert name not in headers or name == "set-cookie", f"{name} comes twice"
            headers[name] = value.strip()
        body = b""
        if method == "HEAD" or status in (100, 204, 304):
            pass
        elif headers.get("transfer-encoding") == "chunked":
            while True:
                size = int(self.until(b"\r\n").split(b";")[0], 16)
                piece = self.exactly(size + 2)
                assert piece.endswith(b"\r\n")
                if size == 0:
                    break
                body += piece[:-2]
        else:
            body = self.exactly(int(headers["content-length"]))
        return Answer(status, headers, body)

    def ended(self):
        """True if the peer has closed the connection; waits for it."""
        try:
            return not self.rest and not self.connection.recv(1)
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False


def ask(daemon, request, method="GET", which=0):
    """Sends bytes and reads one answer on a connection of its own."""
    with daemon.connect(which) as connection:
        connection.sendall(request)
        return Reader(connection).answer(method)


def post(path, body, *headers, length=None):
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(path="/livez", *headers, method="GET"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers]).encode() + b"\r\n\r\n"


def chunked(path, pieces, *headers):
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", *headers])
    return head.encode() + b"\r\n\r\n" + body


SAMPLE = json.dumps({"lambdas": {"lambda_mse": 1}, "tensors": {"pred": [[1.5]], "target": [[1.0]]}}).encode()


def is_sample_answer(answer):
    assert answer.status == 200, (answer.status, answer.body)
    assert answer.json["loss"] == 0.25 and answer.json["gradients"]["pred"] == [[1.0]], answer.body
    return True


def is_problem(answer, status, kind):
    assert answer.status == status, (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/problem+json", answer.headers
    problem = answer.json
    assert problem["status"] == status and problem["type"].endswith("#" + kind), problem
    assert problem["request_id"] == answer.headers["x-request-id"], problem
    return problem


# ---- What could be read in two ways ---------------------------------------------------------------------------

AMBIGUOUS = {
    "two Content-Lengths that agree": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two Content-Lengths that differ": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    "Content-Length, then Transfer-Encoding":
        b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding, then Content-Length":
        b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding twice":
        b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding gzip, chunked":
        b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding identity": b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n{}",
    "Transfer-Encoding xchunked": b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding empty": b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding with a vertical tab":
        b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding in HTTP/1.0": b"POST /loss HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two Hosts": b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "two Hosts that agree": b"GET /livez HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n",
    "no Host": b"GET /livez HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "no header at all": b"GET /livez HTTP/1.1\r\n\r\n",
    "a space before the colon": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length : 2\r\n\r\n{}",
    "a tab before the colon": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length\t: 2\r\n\r\n{}",
    "a space before the colon of Host": b"GET /livez HTTP/1.1\r\nHost : x\r\n\r\n",
    "a space before the first header": b"GET /livez HTTP/1.1\r\n Host: x\r\n\r\n",
    "a header's name with a space in it": b"GET /livez HTTP/1.1\r\nHost: x\r\nX Y: 1\r\n\r\n",
    "a header's name that is no token": b"GET /livez HTTP/1.1\r\nHost: x\r\nX(Y): 1\r\n\r\n",
    "an empty header's name": b"GET /livez HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n",
    "a folded header": b"GET /livez HTTP/1.1\r\nHost: x\r\nX: 1\r\n 2\r\n\r\n",
    "a folded header that makes a Content-Length":
        b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Leng: 2\r\n th\r\n\r\n{}",
    "a folded header, the last one": b"GET /livez HTTP/1.1\r\nHost: x\r\n\ty\r\n\r\n",
    "a NUL that cuts a value": b"GET /livez HTTP/1.1\r\nHost: x\r\nX: 1\x002\r\n\r\n",
    "a NUL at a value's end": b"GET /livez HTTP/1.1\r\nHost: x\r\nX: 1\x00\r\n\r\n",
    "a NUL that cuts Content-Length": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length: 2\x003\r\nX: y\r\n\r\n{}",
    "a NUL after the colon": b"GET /livez HTTP/1.1\r\nHost: x\r\nX:\x00 1\r\nY: 2\r\n\r\n",
    "a NUL that cuts Host": b"GET /livez HTTP/1.1\r\nHost: x\x00.y\r\nX: 1\r\n\r\n",
    "a bare CR in a value": b"GET /livez HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
    "a control character in a value": b"GET /livez HTTP/1.1\r\nHost: x\r\nX: a\x01b\r\n\r\n",
    "a NUL in the URL": b"GET /livez\x00x HTTP/1.1\r\nHost: x\r\n\r\n",
    "%00 in the path": b"GET /livez%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "%00 in the query": b"POST /loss?lambda_mse=1%00 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    "a space in the URL": b"GET /livez x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tab in the URL": b"GET /livez\tx HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces before the URL": b"GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "two Content-Types": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                         b"Content-Type: application/vnd.safetensors\r\nContent-Length: 2\r\n\r\n{}",
}

# Refused by the library before we see it: a 400 all the same, and the connection ends.
LIBRARY_REFUSES = {
    "Content-Length 2x": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length: 2x\r\n\r\n{}",
    "Content-Length +2": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}",
    "Content-Length -2": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}",
    "Content-Length 2, 2": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 2\r\n\r\n{}",
    "Content-Length 0x2": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length: 0x2\r\n\r\n{}",
    "Content-Length empty": b"POST /loss HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n{}",
    "a line without a colon": b"GET /livez HTTP/1.1\r\nHost: x\r\nbogus\r\n\r\n",
    "a NUL in a header's name": b"GET /livez HTTP/1.1\r\nHost: x\r\nA\x00B: 1\r\n\r\n",
    "no version": b"GET /livez\r\nHost: x\r\n\r\n",
    "a chunk's size that is no number":
        b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a negative chunk's size":
        b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
}


def refuses(daemon, request):
    with daemon.connect() as connection:
        # What is smuggled behind must not be answered.
        connection.sendall(request + get("/version"))
        reader = Reader(connection)
        problem = is_problem(reader.answer(), 400, "malformed-http")
        assert problem["detail"], problem
        assert reader.ended(), "the connection goes on"


def library_refuses(daemon, request):
    with daemon.connect() as connection:
        connection.sendall(request + get("/version"))
        connection.shutdown(socket.SHUT_WR)
        reader = Reader(connection)
        while reader.more():
            pass
        # (0.9.75 sends the head of some of these answers twice.)
        assert reader.rest.startswith(b"HTTP/1.1 400 ") and b"commit" not in reader.rest, reader.rest


# ---- What is odd but clear ------------------------------------------------------------------------------------

def test_lenient(daemon):
    for request in (b"\r\n\r\n" + get(), b"GET /livez HTTP/1.1\nHost: x\n\n", b"GET /livez HTTP/1.0\r\n\r\n",
                    b"GET /livez HTTP/1.1\r\nHost:x\r\nX:\r\nY: \t z\r\n\r\n", b"GET http://x/livez HTTP/1.1\r\nHost: x\r\n\r\n",
                    b"GET /livez HTTP/1.1\r\nHost: x\r\nCookie: a=b; c=d\r\nX: y\r\n\r\n", get("/livez?a=%20b+c&d"),
                    b"GET /livez HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\nAccept: application/json\r\n\r\n"):
        answer = ask(daemon, request)
        assert answer.status == 200 and answer.json["status"] == "alive", (request, answer.body)


def test_common_headers(daemon):
    for answer in (ask(daemon, get()), ask(daemon, get("/nowhere")), ask(daemon, post("/loss", b"[")),
                   ask(daemon, post("/loss", SAMPLE))):
        assert answer.headers["server"].startswith("rnnlossd/"), answer.headers
        assert answer.headers["x-request-id"] and answer.headers["date"], answer.headers
    assert ask(daemon, get("/livez", "X-Request-Id: mine-1")).headers["x-request-id"] == "mine-1"


def test_pipelining(daemon):
    requests = [get(), post("/loss", SAMPLE), get("/version"), post("/loss", b"{"), chunked("/loss", [SAMPLE]),
                get("/nowhere"), get()]
    with daemon.connect() as connection:
        connection.sendall(b"".join(requests))
        reader = Reader(connection)
        found = [reader.answer().status for _ in requests]
    assert found == [200, 200, 200, 400, 200, 404, 200], found


def test_keep_alive(daemon):
    with daemon.connect() as connection:
        reader = Reader(connection)
        for _ in range(50):
            connection.sendall(post("/loss", SAMPLE))
            assert is_sample_answer(reader.answer())
        connection.sendall(get("/livez", "Connection: close"))
        assert reader.answer().headers["connection"] == "close" and reader.ended()


def test_http_1_0_closes(daemon):
    with daemon.connect() as connection:
        connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        reader = Reader(connection)
        assert reader.answer().status == 200 and reader.ended()


def test_head(daemon):
    for path in ("/terms", "/version", "/livez", "/healthz", "/readyz"):
        with daemon.connect() as connection:
            connection.sendall(get(path, method="HEAD") + get(path))
            reader = Reader(connection)
            head, whole = reader.answer("HEAD"), reader.answer()
            assert head.status == whole.status == 200, path
            assert head.headers["content-length"] == whole.headers["content-length"] == str(len(whole.body)), path
            assert head.headers["content-type"] == whole.headers["content-type"], path
    assert ask(daemon, get("/metrics", method="HEAD"), "HEAD").status == 200
    assert ask(daemon, get("/nowhere", method="HEAD"), "HEAD").status == 404


def test_options(daemon):
    for path, methods in (("/loss", {"POST", "OPTIONS"}), ("/terms", {"GET", "HEAD", "OPTIONS"})):
        answer = ask(daemon, get(path, method="OPTIONS"))
        assert answer.status in (200, 204) and set(answer.headers["allow"].split(", ")) == methods, answer.headers
        assert "access-control-allow-origin" not in answer.headers
    assert ask(daemon, get("*", method="OPTIONS")).status in (200, 204)


def test_cors(_):
    with Daemon("--allow-origin", "https://example.org") as daemon:
        answer = ask(daemon, get("/loss", "Origin: https://example.org", method="OPTIONS"))
        assert answer.headers["access-control-allow-origin"] == "https://example.org", answer.headers
        assert "POST" in answer.headers["access-control-allow-methods"], answer.headers
        assert ask(daemon, post("/loss", SAMPLE)).headers["access-control-allow-origin"] == "https://example.org"


def test_unknown_route(daemon):
    for request in (get("/nowhere"), get("/loss/"), get("/page/"), post("/nowhere", b"x" * 1000), get("//loss")):
        is_problem(ask(daemon, request), 404, "not-found")


def test_wrong_method(daemon):
    for method, path, allowed in (("GET", "/loss", "POST"), ("PUT", "/loss", "POST"), ("post", "/loss", "POST"),
                                  ("DELETE", "/terms", "GET"), ("POST", "/version", "GET"), ("BREW", "/livez", "GET")):
        answer = ask(daemon, get(path, "Content-Length: 0", method=method))
        is_problem(answer, 405, "method-not-allowed")
        assert allowed in answer.headers["allow"].split(", "), answer.headers


def test_not_smuggled(daemon):
    """What stands in the body of a refused request is not taken for the next one."""
    inner = get("/version")
    for method in ("POST", "PUT", "DELETE", "GET", "PATCH"):
        with daemon.connect() as connection:
            head = f"{method} /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: {len(inner)}\r\n\r\n"
            connection.sendall(head.encode() + inner)
            reader = Reader(connection)
            is_problem(reader.answer(), 404, "not-found")
            assert reader.ended(), method


def test_chunked_bodies(daemon):
    for size in (1, 2, 7, len(SAMPLE)):
        pieces = [SAMPLE[i:i + size] for i in range(0, len(SAMPLE), size)]
        assert is_sample_answer(ask(daemon, chunked("/loss", pieces)))
    extended = b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n%X;a=\"b\"\r\n%s\r\n000\r\nTrailer: x\r\n\r\n"
    assert is_sample_answer(ask(daemon, extended % (len(SAMPLE), SAMPLE)))


def test_trickled(daemon):
    with daemon.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = post("/loss", SAMPLE)
        for i in range(len(request)):
            connection.sendall(request[i:i + 1])
            time.sleep(0.0005)
        assert is_sample_answer(Reader(connection).answer())


def test_expect(daemon):
    with daemon.connect() as connection:
        connection.sendall(post("/loss", b"", "Expect: 100-continue", length=len(SAMPLE)))
        reader = Reader(connection)
        assert reader.answer().status == 100
        connection.sendall(SAMPLE)
        assert is_sample_answer(reader.answer())


def test_expect_refused(daemon):
    """The refusal comes instead of 100 Continue."""
    for path, status in (("/nowhere", 404), ("/terms", 405)):
        with daemon.connect() as connection:
            connection.sendall(post(path, b"", "Expect: 100-continue", length=10))
            reader = Reader(connection)
            assert reader.answer().status == status
            assert reader.ended()


def test_too_large(_):
    with Daemon("--max-body", "64K") as daemon:
        with daemon.connect() as connection:
            connection.sendall(post("/loss", b"", "Expect: 100-continue", length=65537))
            is_problem(Reader(connection).answer(), 413, "too-large")
        answer = ask(daemon, post("/loss", b"x", length=18446744073709551615))
        is_problem(answer, 413, "too-large")
        answer = ask(daemon, chunked("/loss", [b" " * 4096] * 17))
        assert "65536" in is_problem(answer, 413, "too-large")["detail"]
        assert ask(daemon, post("/loss", b" " * 65536)).status == 400


def test_early_refusal_reaches_a_sender(daemon):
    """A client that sends 50 MB before it reads still gets the refusal."""
    body = b"x" * (1 << 20)
    for which in range(2):
        for path, status in (("/nowhere", 404), ("/terms", 405)):
            with daemon.connect(which) as connection:
                connection.sendall(post(path, b"", length=50 << 20))
                for _ in range(50):
                    connection.sendall(body)
                reader = Reader(connection)
                assert reader.answer().status == status
                assert reader.ended()


def test_late_refusal_reaches_a_sender(daemon):
    with daemon.connect() as connection:
        connection.sendall(post("/loss", b"", length=(20 << 20) + 1) + b"]")
        for _ in range(20):
            connection.sendall(b" " * (1 << 20))
        is_problem(Reader(connection).answer(), 400, "malformed-json")


def test_lingering_ends(daemon):
    """A refused client that neither sends nor closes is let go after two seconds."""
    with daemon.connect() as connection:
        connection.sendall(post("/nowhere", b"", length=1000))
        reader = Reader(connection)
        assert reader.answer().status == 404
        began = time.monotonic()
        assert reader.ended()
        while time.monotonic() - began < 6:
            try:
                connection.sendall(b"x")
            except OSError:
                return
            time.sleep(2.5)
        raise AssertionError("still open")


def test_two_listeners(daemon):
    for which in range(2):
        assert is_sample_answer(ask(daemon, post("/loss", SAMPLE), which=which))
    assert daemon.addresses[1].startswith("unix:") and re.match(r"http://127\.0\.0\.1:[1-9]\d*$", daemon.addresses[0])


def test_ipv6(_):
    try:
        socket.socket(socket.AF_INET6).bind(("::1", 0))
    except OSError:
        return  # there is none here
    with Daemon("--listen", "[::1]:0") as daemon:
        assert daemon.addresses[0].startswith("http://[::1]:")
        assert is_sample_answer(ask(daemon, post("/loss", SAMPLE)))


def test_slow_and_gone_peers(daemon):
    """Peers that leave at any moment, politely or by a reset, hurt nobody."""
    request = post("/loss", SAMPLE)
    for cut in (0, 1, 10, len(request) - len(SAMPLE), len(request) - 1, len(request)):
        for reset in (False, True):
            with daemon.connect() as connection:
                connection.sendall(request[:cut])
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with daemon.connect() as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        assert is_sample_answer(Reader(connection).answer())
    assert is_sample_answer(ask(daemon, request))
    deadline = time.monotonic() + 5
    while metric(daemon, "rnnlossd_requests_in_flight") != 1:
        assert time.monotonic() < deadline, "a peer that has gone is waited for"


def test_half_closed(daemon):
    """A peer that ends its stream within a request is not waited for, though its last bytes and the end come together."""
    for which in range(2):
        for request in (b"GET", get()[:-2], post("/loss", SAMPLE)[:-1], chunked("/loss", [SAMPLE])[:-1]):
            with daemon.connect(which) as connection:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(5)
                assert not connection.recv(1), request


def test_many_connections(daemon):
    connections = [daemon.connect(i % 2) for i in range(300)]
    try:
        for connection in connections:
            connection.sendall(post("/loss", SAMPLE))
        for connection in connections:
            assert is_sample_answer(Reader(connection).answer())
    finally:
        for connection in connections:
            connection.close()


def test_garbage(daemon):
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"\x00" * 100, b"GET", b"\r\n" * 200,
                    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                    b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20000 + b"\r\n",
                    b"GET /livez HTTP/3.1\r\nHost: x\r\n\r\n"):
        with daemon.connect() as connection:
            connection.settimeout(0.2)  # of some it awaits the rest
            try:
                connection.sendall(garbage)
                while connection.recv(65536):
                    pass
            except OSError:
                pass
    assert ask(daemon, get()).status == 200


def metric(daemon, name):
    for line in ask(daemon, get("/metrics")).body.decode().splitlines():
        if line.startswith(name + " "):
            return float(line.split(" ")[1])
    raise AssertionError(f"there is no {name}")


def test_metrics(daemon):
    ask(daemon, post("/loss", b"{"))
    while metric(daemon, "rnnlossd_requests_in_flight") != 1:
        pass  # a request is counted when its answer has gone out, which may be read before
    before = metric(daemon, 'rnnlossd_requests_total{route="/loss",status="400"}')
    ask(daemon, post("/loss", b"{"))
    deadline = time.monotonic() + 5
    while metric(daemon, 'rnnlossd_requests_total{route="/loss",status="400"}') != before + 1:
        assert time.monotonic() < deadline
    while metric(daemon, "rnnlossd_requests_in_flight") != 1:
        assert time.monotonic() < deadline
    answer = ask(daemon, get("/metrics"))
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    check_exposition(answer.body.decode())


def check_exposition(text):
    """The rules of Prometheus' text format that promtool checks."""
    assert text.endswith("\n")
    families, samples, family = set(), set(), None
    for line in text.splitlines():
        comment = re.fullmatch(r"# (HELP|TYPE) ([a-z_:]+) (.+)", line)
        if comment:
            if comment[1] == "HELP":
                family = comment[2]
                assert family not in families, f"{family} comes twice"
                families.add(family)
            else:
                assert comment[2] == family and comment[3] in ("counter", "gauge", "histogram"), line
                kind = comment[3]
            continue
        sample = re.fullmatch(r'([a-z_:]+)(\{([a-z_]+="[^"\\\n]*",?)+\})? (\d+(\.\d+)?)', line)
        assert sample, line
        suffix = "(_bucket|_sum|_count)" if kind == "histogram" else ""
        assert re.fullmatch(re.escape(family) + suffix, sample[1]), line
        assert kind != "counter" or family.endswith("_total"), line
        key = sample[1] + (sample[2] or "")
        assert key not in samples, line
        samples.add(key)
    assert {"rnnlossd_build_info", "rnnlossd_requests_total", "process_start_time_seconds"} <= families
    buckets = re.findall(r'_bucket\{route="/loss",le="([^"]+)"\} (\d+)', text)
    assert [int(n) for _, n in buckets] == sorted(int(n) for _, n in buckets) and buckets[-1][0] == "+Inf", buckets
    assert int(buckets[-1][1]) == int(re.search(r'_count\{route="/loss"\} (\d+)', text)[1])


def test_connections_are_balanced(_):
    """Every connection goes to the loop that has the fewest: with two, a busy one never shares with another."""
    with Daemon("--threads", "4") as daemon:
        connections = [daemon.connect() for _ in range(40)]
        for connection in connections:
            connection.sendall(get())
            assert Reader(connection).answer().status == 200
        assert metric(daemon, "rnnlossd_connections") == 41
        for connection in connections:
            connection.close()
        deadline = time.monotonic() + 5
        while metric(daemon, "rnnlossd_connections") > 1:
            assert time.monotonic() < deadline


# ---- Start and end --------------------------------------------------------------------------------------------

def run(*flags, **variables):
    """(status, output, errors) of a daemon that is expected not to start."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RNNLOSSD_")}
    environment.update(variables)
    done = subprocess.run([DAEMON, *flags], env=environment, capture_output=True, timeout=SECONDS)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_help(_):
    status, out, err = run("--help")
    assert status == 0 and not err
    for word in ("--listen", "RNNLOSSD_LISTEN", "127.0.0.1:8080", "--max-body", "--threads", "--log-level"):
        assert word in out, word
    assert max(len(line) for line in out.splitlines()) <= 150
    status, out, err = run("--version")
    assert status == 0 and re.fullmatch(r"rnnlossd \d+\.\d+\.\d+\n", out) and not err


def test_refuses_to_start(_):
    for flags, variables, name in ((["--what"], {}, "--what"), (["--threads", "none"], {}, "--threads"),
                                   ([], {"RNNLOSSD_THREADS": "0"}, "RNNLOSSD_THREADS"),
                                   ([], {"RNNLOSSD_WHAT": "1"}, "RNNLOSSD_WHAT"), (["word"], {}, "word"),
                                   (["--listen", "0.0.0.0:0"], {}, "--allow-anonymous"),
                                   (["--listen", "unix:/nowhere/at/all"], {}, "--listen")):
        status, out, err = run(*flags, **variables)
        assert status != 0 and name in err and not out, (flags, variables, status, err)


def test_port_taken(daemon):
    port = daemon.addresses[0].rsplit(":", 1)[1]
    status, _, err = run("--listen", f"127.0.0.1:{port}")
    assert status != 0 and "in use" in err, err
    status, _, err = run("--listen", daemon.addresses[1])
    assert status != 0 and "in use" in err, err
    assert ask(daemon, get(), which=1).status == 200


def test_flag_beats_variable(_):
    with Daemon("--max-body", "2000", variables={"RNNLOSSD_MAX_BODY": "3000", "RNNLOSSD_THREADS": "1",
                                                 "RNNLOSSD_PORT": "tcp://10.0.0.1:80", "RNNLOSSD_SERVICE_HOST": "x"}) as daemon:
        limits = ask(daemon, get("/version")).json["limits"]
        assert limits["max_body"] == 2000 and limits["threads"] == 1, limits


def test_stale_socket(_):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        with Daemon("--listen", "unix:" + path) as daemon:
            daemon.process.kill()
            daemon.process.wait()
        assert os.path.exists(path)
        with Daemon("--listen", "unix:" + path) as daemon:
            assert ask(daemon, get()).status == 200
        assert not os.path.exists(path)


def test_anonymous_beyond_loopback(_):
    with Daemon("--listen=0.0.0.0:0", "--allow-anonymous") as daemon:
        port = daemon.addresses[0].rsplit(":", 1)[1]
        daemon.addresses[0] = "http://127.0.0.1:" + port
        assert ask(daemon, get()).status == 200


def test_idle_end(_):
    for number in (signal.SIGTERM, signal.SIGINT):
        daemon = Daemon()
        with daemon.connect() as idle:
            idle.sendall(b"GET /live")
            began = time.monotonic()
            assert daemon.stop(number) == 0
            assert time.monotonic() - began < 2
            assert Reader(idle).ended()


def test_drain(_):
    """A request whose headers were seen is answered; nobody new is taken."""
    daemon = Daemon("--threads", "2")
    port = int(daemon.addresses[0].rsplit(":", 1)[1])
    with daemon.connect() as busy, daemon.connect() as other:
        busy.sendall(post("/loss", SAMPLE[:10], length=len(SAMPLE)))
        other.sendall(get())
        others = Reader(other)
        assert others.answer().status == 200
        while metric(daemon, "rnnlossd_requests_in_flight") != 2:
            pass
        daemon.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 5
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                assert time.monotonic() < deadline, "it still accepts"
            except OSError:
                break
        other.sendall(get("/readyz"))
        answer = others.answer()
        assert "pointer" not in is_problem(answer, 503, "draining")
        assert answer.headers["connection"] == "close" and "retry-after" in answer.headers, answer.headers
        busy.sendall(SAMPLE[10:])
        reader = Reader(busy)
        answer = reader.answer()
        assert is_sample_answer(answer) and answer.headers["connection"] == "close" and reader.ended()
    assert daemon.process.wait(SECONDS) == 0


def test_drain_timeout(_):
    daemon = Daemon("--drain-timeout", "1")
    with daemon.connect() as busy:
        busy.sendall(post("/loss", b"", length=10))
        while metric(daemon, "rnnlossd_requests_in_flight") != 2:
            pass
        began = time.monotonic()
        assert daemon.stop() == 0
        assert 0.9 < time.monotonic() - began < 5
    assert "1 requests are left unanswered" in daemon.said(), daemon.said()


def test_second_signal(_):
    daemon = Daemon()
    with daemon.connect() as busy:
        busy.sendall(post("/loss", b"", length=10))
        while metric(daemon, "rnnlossd_requests_in_flight") != 2:
            pass
        daemon.process.send_signal(signal.SIGTERM)
        while "event=drain" not in daemon.said():
            time.sleep(0.01)
        time.sleep(0.1)
        began = time.monotonic()
        assert daemon.stop() == 128 + signal.SIGTERM
        assert time.monotonic() - began < 2


def test_end_under_load(_):
    """Nothing is cut off in the middle: every answer that began is whole."""
    for _ in range(10):
        daemon = Daemon("--threads", "2")
        broken, answered = [], []

        def load():
            try:
                while True:
                    with daemon.connect() as connection:
                        reader = Reader(connection)
                        while True:
                            connection.sendall(post("/loss", SAMPLE))
                            answer = reader.answer()
                            answered.append(is_sample_answer(answer))
                            if answer.headers.get("connection") == "close":
                                break
            except EOFError as error:
                if "after b''" not in str(error):
                    broken.append(error)
            except OSError:
                pass
            except AssertionError as error:
                broken.append(error)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        assert daemon.stop() == 0
        for thread in threads:
            thread.join()
        assert not broken and answered, broken


def test_closed_output(_):
    """Neither a closed standard error nor a full pipe holds it up."""
    reading, writing = os.pipe()
    process = subprocess.Popen([DAEMON, "--listen", "127.0.0.1:0", "--log-level", "debug"], stdout=subprocess.PIPE,
                               stderr=writing)
    os.close(writing)
    os.close(reading)
    line = process.stdout.readline().decode()
    host, port = line.split("//")[1].strip().rsplit(":", 1)
    with socket.create_connection((host, int(port)), SECONDS) as connection:
        connection.sendall(get())
        assert Reader(connection).answer().status == 200
    process.terminate()
    assert process.wait(SECONDS) == 0
    process.stdout.close()


def test_few_descriptors(_):
    """Out of descriptors it warns, waits without spinning, and goes on once there are some."""
    process = subprocess.Popen(["bash", "-c", f"ulimit -n 24; exec {DAEMON} --threads 1 --listen 127.0.0.1:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = process.stdout.readline().decode()
    host, port = line.split("//")[1].strip().rsplit(":", 1)
    held = [socket.create_connection((host, int(port)), SECONDS) for _ in range(40)]
    time.sleep(0.3)
    ticks = lambda: sum(int(n) for n in open(f"/proc/{process.pid}/stat").read().split(")")[1].split()[11:13])
    before = ticks()
    time.sleep(1)
    assert ticks() - before < 0.2 * os.sysconf("SC_CLK_TCK"), "it spins"
    for connection in held:
        connection.close()
    with socket.create_connection((host, int(port)), SECONDS) as connection:
        connection.sendall(get())
        assert Reader(connection).answer().status == 200
    process.terminate()
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0 and b"level=warning event=accept" in errors, errors


def main():
    words = sys.argv[1:]
    folder = tempfile.TemporaryDirectory()
    daemon = Daemon("--listen", "127.0.0.1:0", "--listen", f"unix:{folder.name}/s", "--threads", "2")
    cases = [(f"refused: {name}", lambda d, r=request: refuses(d, r)) for name, request in AMBIGUOUS.items()]
    cases += [(f"refused by the library: {name}", lambda d, r=request: library_refuses(d, r))
              for name, request in LIBRARY_REFUSES.items()]
    cases += [(name, test) for name, test in globals().items() if name.startswith("test_")]
    passed = failed = 0
    for name, test in cases:
        if words and not any(word in name for word in words):
            continue
        began = time.monotonic()
        try:
            test(daemon)
            passed += 1
        except Exception as error:  # one test's failure is not the end of the others
            failed += 1
            print(f"FAILED {name}: {type(error).__name__}: {error}")
        if time.monotonic() - began > 3:
            print(f"       {name} took {time.monotonic() - began:.1f} s")
    try:
        assert daemon.stop() == 0
        passed += 1
    except Exception as error:
        failed += 1
        print(f"FAILED the daemon of most tests: {type(error).__name__}: {error}\n{daemon.said()}")
    folder.cleanup()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
