#!/usr/bin/env python3
"""Ends and restarts under load: SIGTERM two hundred times, and kill -9 behind a proxy that retries.

    tests/robustness/test_endings.py [WORD...]

A request whose headers the daemon has seen is answered whatever comes; any other may fail only before a byte of answer.
Needs haproxy. COUNT=n: so many ends instead of 200.
"""
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cases  # noqa: E402
from http_raw import SAMPLE, SECONDS, Daemon, Reader, get, is_sample_answer, post  # noqa: E402

COUNT = int(os.environ.get("COUNT", "200"))


class Load:
    """Clients that ask without a pause, and note every answer that began and did not end."""

    def __init__(self, connect, clients):
        self.connect, self.broken, self.answered = connect, [], 0
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.ask) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        while not self.stopping.is_set():
            try:
                with self.connect() as connection:
                    reader, more = Reader(connection), True
                    while more and not self.stopping.is_set():
                        connection.sendall(post("/loss", SAMPLE))
                        answer = reader.answer()
                        is_sample_answer(answer)
                        self.answered += 1
                        more = answer.headers.get("connection") != "close"
            except EOFError as error:
                if "after b''" not in str(error):
                    self.broken.append(error)
            except OSError:
                time.sleep(0.001)
            except AssertionError as error:
                self.broken.append(error)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def one_end(threads):
    daemon = Daemon("--threads", str(threads))
    load = Load(daemon.connect, 3)
    seen = []
    for _ in range(3):
        connection = daemon.connect()
        connection.sendall(post("/loss", b"", "Expect: 100-continue", length=len(SAMPLE)))
        reader = Reader(connection)
        assert reader.answer().status == 100  # its headers were seen
        seen.append((connection, reader))
    time.sleep(random.random() * 0.02)
    daemon.process.send_signal(signal.SIGTERM)
    for connection, reader in seen:
        time.sleep(random.random() * 0.01)
        connection.sendall(SAMPLE)
        is_sample_answer(reader.answer())
        connection.close()
    status = daemon.process.wait(SECONDS)
    daemon.process.stdout.close()
    load.stop()
    assert status == 0, (status, daemon.said())
    assert not load.broken, load.broken[:3]
    return load.answered


def test_sigterm():
    answered = 0
    for i in range(COUNT):
        answered += one_end(1 + i % 3)
        if i % 20 == 19:
            print(f"  {i + 1} of {COUNT} ends, {answered} answers beside", flush=True)
    assert answered > COUNT


# ---- Behind a proxy -------------------------------------------------------------------------------------------

PROXY = """
global
    maxconn 200
    log stderr format raw local0 warning
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    option http-buffer-request
    option redispatch 1
    retries 5
    retry-on all-retryable-errors
frontend all
    bind 127.0.0.1:{port}
    default_backend daemons
backend daemons
    option httpchk GET /readyz
    server one 127.0.0.1:{one} check inter 100ms fall 1 rise 1
    server two 127.0.0.1:{two} check inter 100ms fall 1 rise 1
"""


def answers(port):
    with socket.create_connection(("127.0.0.1", port), 1) as connection:
        connection.sendall(get())
        return Reader(connection).answer().status == 200


def wait_for_answer(port):
    cases.wait_for(lambda: answers(port), f"nothing answers on port {port}", tolerate=(OSError, EOFError))


class Counted(Load):
    """Behind the proxy nothing at all may fail."""

    def ask(self):
        while not self.stopping.is_set():
            try:
                with self.connect() as connection:
                    reader = Reader(connection)
                    while not self.stopping.is_set():
                        connection.sendall(post("/loss", SAMPLE))
                        is_sample_answer(reader.answer())
                        self.answered += 1
            except Exception as error:
                self.broken.append(error)
                time.sleep(0.01)


def test_kill_behind_proxy():
    port, *ports = cases.free_ports(3)
    daemons = [Daemon("--listen", f"127.0.0.1:{p}") for p in ports]
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(PROXY.format(port=port, one=ports[0], two=ports[1]))
        file.flush()
        proxy = subprocess.Popen(["haproxy", "-db", "-f", file.name], stderr=subprocess.DEVNULL)
        try:
            wait_for_answer(port)
            load = Counted(lambda: socket.create_connection(("127.0.0.1", port), SECONDS), 4)
            for i in range(20):
                time.sleep(0.15)
                victim = i % 2
                daemons[victim].process.kill()
                daemons[victim].process.wait()
                daemons[victim].process.stdout.close()
                began = time.monotonic()
                daemons[victim] = Daemon("--listen", f"127.0.0.1:{ports[victim]}")
                took = time.monotonic() - began
                wait_for_answer(ports[victim])
                time.sleep(0.3)  # until the proxy has noticed
            load.stop()
            print(f"  20 kills, {load.answered} answers, the last start took {took * 1000:.0f} ms")
            assert not load.broken, load.broken[:3]
            assert load.answered > 100
        finally:
            proxy.terminate()
            proxy.wait()
            for daemon in daemons:
                daemon.stop()


if __name__ == "__main__":
    cases.main(globals())
