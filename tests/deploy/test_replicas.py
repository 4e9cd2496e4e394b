#!/usr/bin/env python3
"""Three replicas behind haproxy, with server/deploy/haproxy.cfg as it stands: whatever happens to one, nobody notices.

    tests/deploy/test_replicas.py [WORD...]

The replicas run different kernels. wrk loads them through the proxy while one is killed, one drained, one restarted; a
client of another kind sends batches that are too large for the proxy to send again. Needs haproxy and wrk.
"""
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

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "clients", "python", "src"))
import cases  # noqa: E402
import http_raw  # noqa: E402
from http_raw import Daemon, Reader, post  # noqa: E402

http_raw.DAEMON += "-features"  # a build that can be told to do without some instructions
WITHOUT = ["", "avx512", "avx512,avx2,neon"]
DEPLOY = os.path.join(ROOT, "server", "deploy")
LUA = """
wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
wrk.body = io.open("%s"):read("*a")
"""


def ask(port, request):
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(request)
        return Reader(connection).answer()


class House:
    """haproxy and its daemons, three at most."""

    def __init__(self, replicas=3):
        self.port, self.stats, *self.ports = cases.free_ports(5)
        self.daemons = [self.replica(i) for i in range(replicas)]
        variables = {"RNNLOSS_BIND": f"127.0.0.1:{self.port}", "RNNLOSS_STATS": f"127.0.0.1:{self.stats}",
                     "RNNLOSS_ERRORS": os.path.join(DEPLOY, "haproxy-503.http")}
        variables.update({f"RNNLOSS_REPLICA{i + 1}": f"127.0.0.1:{port}" for i, port in enumerate(self.ports)})
        self.proxy = subprocess.Popen(["haproxy", "-db", "-f", os.path.join(DEPLOY, "haproxy.cfg")],
                                      stderr=subprocess.DEVNULL, env=dict(os.environ, **variables))
        self.wait_for(replicas)

    def replica(self, i):
        return Daemon("--listen", f"127.0.0.1:{self.ports[i]}", "--drain-delay", "4", "--threads", "1",
                      variables={"RNNLOSS_DISABLE": WITHOUT[i]})

    def up(self):
        """How many replicas haproxy believes in."""
        metrics = ask(self.stats, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").body.decode()
        return sum(float(value) for value in
                   re.findall(r'^haproxy_server_status{proxy="replicas",server="\w+",state="UP"} (\S+)$', metrics, re.M))

    def wait_for(self, replicas):
        cases.wait_for(lambda: self.up() == replicas, f"the proxy does not see {replicas} replicas", 20, (OSError, EOFError))

    def kill(self, i):
        self.daemons[i].process.kill()
        self.daemons[i].process.wait()
        self.daemons[i].process.stdout.close()

    def start(self, i):
        self.daemons[i] = self.replica(i)
        self.wait_for(3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.proxy.send_signal(signal.SIGTERM)
        self.proxy.wait(20)
        for daemon in self.daemons:
            if daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()
            daemon.process.stdout.close()


def batch(rows, neurons, seed):
    """A POST of /loss in safetensors with all three terms of rates."""
    values = [((i * 2654435761 + seed) % 4294967296) / 4294967296 for i in range(rows * neurons)]
    header = (f'{{"__metadata__":{{"lambda_fr":"1","lambda_fr_sd":"0.1","lambda_fr_cv":"0.01"}},'
              f'"fr":{{"dtype":"F32","shape":[{rows},{neurons}],"data_offsets":[0,{4 * len(values)}]}}}}').encode()
    header += b" " * (-len(header) % 8)
    body = struct.pack("<Q", len(header)) + header + struct.pack(f"<{len(values)}f", *values)
    return post("/loss", body, "Content-Type: application/vnd.safetensors")


def test_same_bits():
    requests = [post("/loss", open(os.path.join(ROOT, "examples", "loss.json"), "rb").read()),
                post("/loss", open(os.path.join(ROOT, "examples", "batch.safetensors"), "rb").read()),
                batch(7, 33, 1), batch(100, 1000, 2)]
    with House() as house:
        kernels = {ask(port, b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n").json["kernel"] for port in house.ports}
        print("  kernels:", *sorted(kernels))
        assert "portable" in kernels
        for request in requests:
            answers = {ask(port, request).body for port in house.ports}
            answers |= {ask(house.port, request).body for _ in range(6)}
            assert len(answers) == 1 and next(iter(answers)), [answer[:100] for answer in answers]


class Worker(threading.Thread):
    """Sends batches that are too large for the proxy to keep, by the Python client, until told to stop."""

    def __init__(self, port):
        super().__init__()
        import numpy
        import rnnloss
        self.error = rnnloss.Error
        self.rates = numpy.random.default_rng(1).random((64, 1024), dtype=numpy.float32)
        self.client = rnnloss.Client(f"http://127.0.0.1:{port}", retries=5)
        self.stopping, self.answers, self.failures = threading.Event(), 0, []
        self.expected = self.ask()
        self.start()

    def ask(self):
        answer = self.client.loss({"lambda_fr": 1.0, "lambda_fr_cv": 0.1}, fr=self.rates)
        return answer.loss, answer.gradients["fr"].tobytes()

    def run(self):
        while not self.stopping.is_set():
            try:
                if self.ask() != self.expected:
                    self.failures.append("other bits")
                self.answers += 1
            except self.error as error:
                self.failures.append(error)

    def stop(self):
        self.stopping.set()
        self.join()


def test_nobody_notices():
    with House() as house, tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA % os.path.join(ROOT, "examples", "loss.json"))
        script.flush()
        worker = Worker(house.port)
        load = subprocess.Popen(["wrk", "-t1", "-c16", "-d20s", "--timeout", "10s", "-s", script.name,
                                 f"http://127.0.0.1:{house.port}/loss"], stdout=subprocess.PIPE, text=True)
        time.sleep(2)
        house.kill(0)  # as by the kernel, for want of memory
        time.sleep(2)
        began = time.monotonic()
        house.daemons[1].process.send_signal(signal.SIGTERM)  # replica 2 alone carries all for a while
        assert house.daemons[1].process.wait(30) == 0
        print(f"  drained in {time.monotonic() - began:.1f} s")
        house.daemons[1].process.stdout.close()
        house.daemons[0] = house.replica(0)
        house.start(1)
        house.kill(2)
        house.start(2)
        said = load.communicate(timeout=60)[0]
        worker.stop()
        print("  " + " ".join(said.split("\n")[-4:]).strip())
        print(f"  and {worker.answers} large batches by the Python client")
        assert "Non-2xx" not in said and "Socket errors" not in said, said
        assert int(re.search(r"(\d+) requests in", said)[1]) > 1000
        assert not worker.failures and worker.answers > 20, worker.failures[:3]


if __name__ == "__main__":
    cases.main(globals())
