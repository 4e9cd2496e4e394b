#!/usr/bin/env python3
"""A daemon's bad days, made to order: a proxy in front of a real one, that the tests of clients send requests to.

    faults.py DAEMON-HOST:PORT     prints `listening on http://127.0.0.1:PORT` and serves until its input ends

What happens is in the request's X-Request-Id, FAULT-COUNT-ANYTHING: the first COUNT attempts with that id meet the
fault, later ones are passed on to the daemon.

    reset     the connection is reset once the request has been read
    close     it is closed without an answer
    cut       it is closed in the middle of the answer's body
    refuse    it is reset before the request's body is read
    busy      429, Retry-After: 1            down     503, Retry-After: 1
    draining  503 without Retry-After        later    503, Retry-After: 3600
    page      502 and a page of HTML         wrong    200 and something that is no answer
    slow      the answer comes after five seconds
    bye       all is well, but then the connection is closed, which nothing has announced

GET /attempts/ID answers how many requests came with that id, and by how many connections: {"attempts": 2, "connections": 1}.
"""
import http.client
import http.server
import json
import socket
import struct
import sys
import threading
import time

DAEMON = sys.argv[1] if len(sys.argv) > 1 else ""
PROBLEM = {"title": "made to order", "detail": "as the test wished", "pointer": "", "request_id": ""}


class Counts:
    """How often each request id came, and on which connections."""

    def __init__(self):
        self.lock = threading.Lock()
        self.by_id = {}

    def add(self, name, connection):
        """Counts one attempt; returns how many came before it."""
        with self.lock:
            attempts, connections = self.by_id.setdefault(name, [0, set()])
            self.by_id[name][0] += 1
            connections.add(connection)
            return attempts

    def get(self, name):
        with self.lock:
            attempts, connections = self.by_id.get(name, (0, ()))
            return {"attempts": attempts, "connections": len(connections)}


COUNTS = Counts()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def say(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def problem(self, status, kind, retry_after=None):
        name = self.headers.get("X-Request-Id", "")
        body = json.dumps(dict(PROBLEM, type="#" + kind, status=status, request_id=name)).encode()
        headers = {"Content-Type": "application/problem+json", "X-Request-Id": name}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        self.say(status, headers, body)

    def end(self, reset):
        """Ends the connection, by a reset or in good order."""
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()
        self.rfile = self.wfile = open("/dev/null", "r+b", buffering=0)
        self.close_connection = True

    def pass_on(self, body, cut=False):
        host, _, port = DAEMON.rpartition(":")
        daemon = http.client.HTTPConnection(host, int(port))
        headers = {name: value for name, value in self.headers.items()
                   if name.lower() not in ("host", "connection", "transfer-encoding", "content-length")}
        daemon.request(self.command, self.path, body or None, headers)
        answer = daemon.getresponse()
        data = answer.read()
        kept = {name: value for name, value in answer.getheaders()
                if name.lower() in ("content-type", "x-request-id", "retry-after", "etag", "server")}
        if cut:
            self.send_response(answer.status)
            for name, value in kept.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.end(reset=False)
        else:
            self.say(answer.status, kept, data)

    def answer(self):
        if self.path.startswith("/attempts/"):
            counts = json.dumps(COUNTS.get(self.path.removeprefix("/attempts/"))).encode()
            return self.say(200, {"Content-Type": "application/json"}, counts)
        name = self.headers.get("X-Request-Id", "")
        earlier = COUNTS.add(name, self.client_address)
        kind, _, rest = name.partition("-")
        count = rest.partition("-")[0]
        if kind in FAULTS and count.isdigit() and earlier < int(count):
            return FAULTS[kind](self, b"" if kind == "refuse" else self.body())
        return self.pass_on(self.body())

    do_GET = do_POST = do_HEAD = answer


def slow(handler, body):
    time.sleep(5)
    handler.pass_on(body)


def bye(handler, body):
    handler.pass_on(body)
    handler.end(reset=False)


FAULTS = {  # each is given the request's body, which is read unless it is refused
    "reset": lambda handler, body: handler.end(reset=True),
    "close": lambda handler, body: handler.end(reset=False),
    "cut": lambda handler, body: handler.pass_on(body, cut=True),
    "refuse": lambda handler, body: handler.end(reset=True),
    "busy": lambda handler, body: handler.problem(429, "rate-limited", 1),
    "down": lambda handler, body: handler.problem(503, "overloaded", 1),
    "draining": lambda handler, body: handler.problem(503, "draining"),
    "later": lambda handler, body: handler.problem(503, "overloaded", 3600),
    "page": lambda handler, body: handler.say(502, {"Content-Type": "text/html"}, b"<html><h1>Bad Gateway</h1></html>"),
    "wrong": lambda handler, body: handler.say(200, {"Content-Type": "text/plain"}, b"hello"),
    "slow": slow,
    "bye": bye,
}


def main():
    if not DAEMON:
        sys.exit(__doc__)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
