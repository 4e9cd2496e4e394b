#!/usr/bin/env python3
"""What happens when the system has no more: address space, descriptors, and each allocation of a request in turn.

    tests/robustness/test_limits.py [WORD...]
"""
import mmap
import os
import shlex
import socket
import ssl
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cases  # noqa: E402
from http_raw import DAEMON, SAMPLE, SECONDS, Daemon, Reader, ask, get, is_sample_answer, post  # noqa: E402
from peers import MIB, SAFETENSORS, numbers, weights  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


class Started(Daemon):
    """The daemon, started by a line of shell."""

    def __init__(self, line, *flags, variables=None):
        self.log = tempfile.TemporaryFile()
        command = f"{line} exec {shlex.join([DAEMON, *flags, '--listen', '127.0.0.1:0'])}"
        self.process = subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, stderr=self.log,
                                        env=dict(os.environ, **(variables or {})))
        said = self.process.stdout.readline().decode()
        assert said.startswith("listening on "), (said, self.said())
        self.addresses = [said[len("listening on "):].strip()]


def test_address_space():
    """Under ulimit -v whatever doesn't fit is refused, and all else goes on."""
    statuses = []
    with Started("ulimit -v 400000;", "--max-memory", "1GiB", "--threads", "2") as daemon:
        for side in (512, 4096, 9000, 12000, 4096, 512):  # 1 MiB to 550 MiB
            body = weights(side, side)
            try:
                statuses.append(ask(daemon, post("/loss", body, SAFETENSORS)).status)
            except (EOFError, ConnectionError):
                statuses.append(0)
            is_sample_answer(ask(daemon, post("/loss", SAMPLE)))
    print(f"  ulimit -v 400000, bodies of 1, 64, 309, 549, 64, 1 MiB: {statuses}")
    assert statuses[:2] == [200, 200] and statuses[-2:] == [200, 200], statuses
    assert set(statuses[2:4]) <= {200, 503} and statuses[3] == 503, statuses
    with Started("ulimit -v 400000;", "--threads", "2") as daemon:  # by default it knows what there is
        assert ask(daemon, post("/loss", b"", length=300 * MIB)).status in (413, 503)


# ---- Each allocation in turn ------------------------------------------------------------------------------------

class Failing:
    """A daemon whose n-th allocation, its libraries' included, can be made to fail."""

    def __init__(self, folder, *flags):
        library, self.path = os.path.join(folder, "failing.so"), os.path.join(folder, "counters")
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", os.path.join(HERE, "failing_malloc.c"),
                        "-o", library, "-ldl"], check=True)
        with open(self.path, "wb") as file:
            file.write(bytes(16))
        self.file = open(self.path, "r+b")
        self.counters = mmap.mmap(self.file.fileno(), 16)
        self.daemon = Started("", *flags, "--threads", "1",
                              variables={"LD_PRELOAD": library, "FAILING_MALLOC": self.path})

    def fail_at(self, n):
        self.counters[0:8] = struct.pack("<q", n)

    def pending(self):
        """Has the allocation that is to fail not been reached?"""
        return struct.unpack("<q", self.counters[0:8])[0] > 0

    def close(self):
        self.fail_at(0)
        assert self.daemon.stop() == 0, self.daemon.said()
        self.counters.close()
        self.file.close()


def attempt(connect, request, connected=lambda: None, encrypted=False):
    """The status of one request on a new connection; 0 if it was closed without a byte of an answer."""
    try:
        with connect() as connection:
            connected()
            connection.sendall(request)
            reader = Reader(connection)
            return reader.answer().status
    except EOFError as error:
        # Over TLS an answer is several records, and the library may fail to make the second one.
        assert "after b''" in str(error) or encrypted, f"an answer that began and did not end: {error}"
        return 0
    except (ConnectionError, ssl.SSLError, socket.timeout) as error:
        assert not isinstance(error, socket.timeout), "neither answered nor closed"
        return 0


def each_allocation(failing, connect, name, request, late=False):
    """late: from the time on when the connection is there."""
    n, statuses = 0, {}
    while n < 3000:
        n += 1
        if not late:
            failing.fail_at(n)
        status = attempt(connect, request, lambda k=n: failing.fail_at(k) if late else None, late)
        reached = not failing.pending()
        failing.fail_at(0)
        assert failing.daemon.process.poll() is None, f"allocation {n}: it has ended: {failing.daemon.said()}"
        again = attempt(connect, request)
        assert again == 200, f"after allocation {n} failed the next request got {again}"
        statuses[status] = statuses.get(status, 0) + 1
        if not reached and status == 200:
            break
    print(f"  {name}: {n - 1} allocations failed in turn: {statuses} (0: closed)")
    assert n > 5 and set(statuses) <= {0, 200, 503}, statuses


REQUESTS = {
    "GET /terms": get("/terms"),
    "JSON": post("/loss", SAMPLE),
    "JSON, long": post("/loss", numbers(20000)),
    "safetensors": post("/loss", weights(100, 1000), SAFETENSORS),
}


def test_allocations():
    with tempfile.TemporaryDirectory() as folder:
        failing = Failing(folder)
        for name, request in REQUESTS.items():
            each_allocation(failing, failing.daemon.connect, name, request)
        failing.close()


def test_allocations_tls():
    """Once a handshake is over. (Within it the arithmetic of GnuTLS, GMP, ends the process when it gets no memory.)"""
    with tempfile.TemporaryDirectory() as folder:
        key, cert = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-subj", "/CN=localhost", "-days", "2", "-keyout", key, "-out", cert], check=True,
                       stderr=subprocess.DEVNULL)
        context = ssl.create_default_context(cafile=cert)
        context.check_hostname = False
        failing = Failing(folder, "--tls-cert", cert, "--tls-key", key)
        port = int(failing.daemon.addresses[0].rsplit(":", 1)[1])

        def connect():
            bare = socket.create_connection(("127.0.0.1", port), SECONDS)
            try:
                return context.wrap_socket(bare)
            except Exception:
                bare.close()
                raise

        each_allocation(failing, connect, "JSON over TLS", REQUESTS["JSON"], late=True)
        failing.close()


if __name__ == "__main__":
    cases.main(globals())
