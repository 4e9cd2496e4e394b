#!/usr/bin/env python3
"""rnnlossd --check: before daemons of every kind, and before servers that are none.

    tests/check_test.py [WORD...]    only tests whose name holds a WORD
"""
import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time

import cases
from http_raw import DAEMON, SECONDS, Daemon, ask, get


def check(*arguments, **variables):
    """(exit status, what it says, seconds) of a check, which never prints anything on standard output."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RNNLOSSD_")}
    began = time.monotonic()
    done = subprocess.run([DAEMON, *arguments], env={**kept, **variables}, capture_output=True, text=True,
                          timeout=SECONDS)
    assert done.stdout == "", done.stdout
    return done.returncode, done.stderr, time.monotonic() - began


def passes(*arguments, **variables):
    status, said, _ = check(*arguments, **variables)
    assert (status, said) == (0, ""), (arguments, status, said)


def fails(*arguments, saying, status=1, **variables):
    found, said, seconds = check(*arguments, **variables)
    assert found == status and saying in said and said.count("\n") == 1, (arguments, found, said)
    assert said.startswith("rnnlossd: "), said
    return seconds


def test_of_an_address():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        with Daemon("--listen", "127.0.0.1:0", "--listen", "unix:" + path) as daemon:
            url = daemon.addresses[0]
            for good in (url, url + "/", url + "/readyz", url + "/livez", url + "?x=1", "unix:" + path,
                         url.replace("127.0.0.1", "localhost")):
                passes("--check", good)
                passes("--check=" + good)
            fails("--check", url + "/nowhere", saying='404 {"type":"#not-found"')
            fails("--check", url + "/loss", saying="405 ")
    fails("--check", url, saying="Connection refused")
    fails("--check", "unix:" + path, saying="No such file")


def test_of_its_own_address():
    """That of the flags, of the variable, or the default; with what a daemon is started with beside it."""
    with Daemon("--listen", "0.0.0.0:0", "--allow-anonymous") as daemon:
        port = daemon.addresses[0].rsplit(":", 1)[1]
        address = f"0.0.0.0:{port}"
        passes("--check", RNNLOSSD_LISTEN=address)
        passes("--check", RNNLOSSD_LISTEN=f"{address},unix:/nowhere", RNNLOSSD_ALLOW_ANONYMOUS="1")
        passes("--check", "--listen", address)
        passes("--listen", address, "--listen=[::1]:1", "--check")
        passes("--listen", address, "--check", "--max-body", "1G", RNNLOSSD_LISTEN="127.0.0.1:1")
        passes("--check=", "--listen", address)
        fails("--check", saying="127.0.0.1:1: Connection refused", RNNLOSSD_LISTEN="127.0.0.1:1")
    fails("--check", "--listen", "127.0.0.1:0", saying="port 0")
    if socket.has_ipv6:
        with Daemon("--listen", "[::]:0", "--allow-anonymous") as daemon:
            port = daemon.addresses[0].rsplit(":", 1)[1]
            passes("--check", "--listen", f"[::]:{port}")
            passes("--check", f"http://127.0.0.1:{port}")


def test_wrong_words():
    for url in ("ftp://127.0.0.1:1", "127.0.0.1:8080", "http:/127.0.0.1:1", "HTTP://127.0.0.1:1"):
        fails("--check", url, saying="expected http://HOST:PORT, https://HOST:PORT or unix:PATH")
    for url, why in (("http://127.0.0.1", "HOST:PORT"), ("http://:1", "the host is missing"),
                     ("http://127.0.0.1:x", "the port"), ("http://::1:1", "brackets"), ("unix:", "a path"),
                     ("unix:" + "a" * 200, "a path"), ("http://127.0.0.1:1/a b", "percent-encoded"),
                     ("http://127.0.0.1:1/\r\nX: y", "percent-encoded"), ("http://127.0.0.1:1/\u00e9", "percent-encoded"),
                     ("http://" + "a" * 400 + ":1", "too long"), ("http://127.0.0.1:1/" + "a" * 2000, "too long")):
        status, said, _ = check("--check", url)
        assert status == 1 and why in said, (url, status, said)
    fails("--check", "--nonsense", saying="--nonsense", status=2)
    fails("--checks", saying="no such flag", status=2)
    fails("--check", "--max-body", "x", saying="--max-body", status=2)


def test_draining():
    daemon = Daemon("--drain-delay", "5")
    url = daemon.addresses[0]
    passes("--check", url)
    daemon.process.send_signal(signal.SIGTERM)
    while ask(daemon, get("/readyz")).status == 200:
        time.sleep(0.01)
    fails("--check", url, saying='503 {"type":"#draining"')
    passes("--check", url + "/livez")
    daemon.process.kill()
    daemon.process.wait(SECONDS)
    daemon.process.stdout.close()


def certificates(folder):
    """A certificate of its own, for a name that nobody uses here, and its key."""
    certificate, key = os.path.join(folder, "c"), os.path.join(folder, "k")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=elsewhere.example", "-days", "30", "-out", certificate, "-keyout", key],
                   check=True, capture_output=True)
    return certificate, key


def test_tls():
    """Any certificate will do, and none is needed, nor a token."""
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = certificates(folder)
        tokens = os.path.join(folder, "t")
        with open(tokens, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as file:
            file.write("ann 0123456789abcdef0123\n")
        tls = ("--tls-cert", certificate, "--tls-key", key)
        for more in ((), ("--tls-client-ca", certificate), ("--tokens", tokens)):
            with Daemon("--listen", "127.0.0.1:0", *tls, *more) as daemon:
                url = daemon.addresses[0]
                assert url.startswith("https://"), url
                passes("--check", url)
                passes("--check", "--listen", url.removeprefix("https://"), *tls, *more)
                if more:
                    fails("--check", url + "/terms", saying="403 " if "ca" in more[0] else "401 ")
                fails("--check", url.replace("https", "http"), saying="")
    with Daemon() as daemon:
        fails("--check", daemon.addresses[0].replace("http", "https"), saying="TLS: ")


@contextlib.contextmanager
def server(answer, hold=False):
    """The URL of one that says this to whatever it is asked, and hangs up, or doesn't."""
    held = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.recv(4096)
                    connection.sendall(answer)
                    if hold:
                        held.append(connection)
                    else:
                        connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in held:
        connection.close()


def test_other_servers():
    for answer in (b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nok", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 204 \r\n\r\n",
                   b"HTTP/1.1 299\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100000):
        with server(answer) as url:
            passes("--check", url)
    for answer in (b"", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\n\n", b"HTTP/2 200 OK\r\n\r\n",
                   b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 20 OK\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n", b" HTTP/1.1 200 \r\n\r\n",
                   b"HTTP/1.1  200 OK\r\n\r\n", b"ICY 200 OK\r\n\r\n", b"200\r\n\r\n", b"\0" * 50, b"x" * 100000,
                   b"HTTP/1.1 200 OK\r\nX: " + b"y" * 5000 + b"\r\n\r\n", b"HTTP/1.1 \x00200 OK\r\n\r\n"):
        with server(answer) as url:
            fails("--check", url, saying="no HTTP, or not whole" if len(answer) < 4096 else "")
    for answer, saying in ((b"HTTP/1.1 500 No\r\n\r\nwhy\nnot", "500 why\n"), (b"HTTP/1.1 301 To\r\n\r\n", "301 \n"),
                           (b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "100 "),
                           (b"HTTP/1.1 404 No\r\n\r\n\x1b[31m\xff\x00" + b"a" * 900, "404 ?[31m?")):
        with server(answer) as url:
            fails("--check", url, saying=saying)


def test_silence():
    """Five seconds in all."""
    for answer in (b"", b"HTTP/1.1 200 OK\r\n\r\n"):
        with server(answer, hold=True) as url:
            seconds = fails("--check", url, saying="no answer within 5 s")
            assert 4.5 < seconds < 7, seconds


if __name__ == "__main__":
    cases.main(globals())
