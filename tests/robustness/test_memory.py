#!/usr/bin/env python3
"""The most memory that one request costs, and ten thousand idle connections: measured as the kernel counts it.

A request may cost what is kept of its input, the sums of its neurons (96 bytes each, 560 for float64; c[n] beside),
and 16 MiB.
"""
import json
import os
import resource
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import cases  # noqa: E402
from http_raw import Daemon, Reader, ask, get, metric  # noqa: E402

MIB = 1 << 20
ROOM = 16 * MIB
PIECE = 4 * MIB


class Usage:
    """Resident memory of the daemon, before and at its highest since."""

    def __init__(self, daemon):
        self.pid = daemon.process.pid
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # the highest mark begins anew
        self.before = self.read("VmRSS")

    def read(self, name):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) * 1024
        raise AssertionError(f"no {name}")

    def peak(self):
        return self.read("VmHWM") - self.before


def header(length, kind, query, chunked=False):
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
    lines = [f"POST /loss{query} HTTP/1.1", "Host: x", framing, f"Content-Type: {kind}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def exchange(daemon, first, pieces, length, kind, query="", chunked=False):
    """Sends a body in pieces, reads the answer and throws it away; returns its status and length."""
    with daemon.connect() as connection:
        connection.settimeout(120)

        def send(data):
            connection.sendall(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)

        connection.sendall(header(length, kind, query, chunked))
        send(first)
        for piece in pieces:
            send(piece)
        if chunked:
            connection.sendall(b"0\r\n\r\n")
        reader = Reader(connection)
        head = reader.until(b"\r\n\r\n")
        status, got = int(head.split(b" ")[1]), len(reader.rest)
        tail = reader.rest[-16:]
        if b"content-length:" in head.lower():
            want = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            done = lambda: got >= want
        else:
            done = lambda: tail.endswith(b"\r\n0\r\n\r\n")
        while not done():
            piece = connection.recv(1 << 20)
            assert piece, "the answer ends early"
            got += len(piece)
            tail = (tail + piece[-16:])[-16:]
        return status, got


def safetensors(tensors, metadata):
    """The head of a body, and the length of the data that follows."""
    entries, at = {"__metadata__": metadata}, 0
    for name, dtype, shape in tensors:
        size = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}[dtype]
        for axis in shape:
            size *= axis
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, at


def binary_pieces(length, pattern=struct.pack("<f", 0.75)):
    piece = pattern * (PIECE // len(pattern))
    for at in range(0, length, PIECE):
        yield piece[:min(PIECE, length - at)]


def measure(name, action, kept, *flags):
    """One request's highest use of memory, in a daemon of its own, against what it may cost."""
    with Daemon("--max-connections", "64", *(flags or ("--max-memory=2GiB",))) as daemon:
        ask(daemon, get("/livez"))
        usage = Usage(daemon)
        status, got = action(daemon)
        peak, most = usage.peak(), kept + ROOM
    print(f"  {name:58} kept {kept / MIB:7.1f} MiB, peak {peak / MIB:7.1f} of {most / MIB:7.1f} MiB, answer {got / MIB:6.1f} MiB")
    assert status == 200, status
    assert peak <= most, f"{peak} bytes are more than {most}"


def binary(tensors, metadata, query="", chunked=False):
    head, length = safetensors(tensors, metadata)
    return lambda daemon: exchange(daemon, head, binary_pieces(length), len(head) + length, "application/vnd.safetensors",
                            query, chunked)


RATES = {"lambda_fr": "1", "lambda_fr_sd": "1", "lambda_fr_cv": "1"}
SMALL = [32, 100, 16384]  # 200 MiB of float32


def json_text(options, tensor_head, numbers, number=b"0.12345678"):
    """A body whose one tensor has so many numbers: first, pieces, length."""
    first = b"{" + options + b'"tensors":{"w_in":{' + tensor_head
    line = number + b","
    chunk = line * (PIECE // len(line))
    per = PIECE // len(line)
    last = number + b"]"

    def pieces(tail):
        left = numbers - 1
        while left:
            count = min(left, per)
            yield chunk[:count * len(line)]
            left -= count
        yield last + tail
    return first, pieces, len(first) + (numbers - 1) * len(line) + len(last)


def json_request(options, before, after, numbers):
    first, pieces, length = json_text(options, before, numbers)
    return lambda daemon: exchange(daemon, first, pieces(after), length + len(after), "application/json")


# ---- The tests ------------------------------------------------------------------------------------------------

def test_safetensors():
    neurons = SMALL[-1]
    size = 4 * SMALL[0] * SMALL[1] * neurons
    accumulators = neurons * (96 + 3 * 8)
    measure("F32 rates, gradient", binary([("fr", "F32", SMALL)], RATES), size + accumulators)
    measure("F32 rates, gradient, chunked", binary([("fr", "F32", SMALL)], RATES, chunked=True),
            size + accumulators)
    none = dict(RATES, gradients="none")
    measure("F32 rates, gradients none", binary([("fr", "F32", SMALL)], none), accumulators)
    measure("F32 rates, gradients none in the query, chunked",
            binary([("fr", "F32", SMALL)], RATES, "?gradients=none", True), accumulators)
    pair = [("pred", "F32", SMALL), ("target", "F32", SMALL)]
    measure("F32 pred and target, gradients none",
            binary(pair, {"lambda_mse": "1", "gradients": "none"}), size)
    measure("F32 pred and target, gradient", binary(pair, {"lambda_mse": "1"}), 2 * size)
    measure("F64, 131,072 neurons", binary([("fr", "F64", [4, 4, 131072])], RATES),
            131072 * (8 * 16 + 560 + 3 * 8))


def test_json():
    numbers = 8 * MIB
    lambdas = b'"lambdas":{"lambda_in":1},'
    shape = b'"shape":[%d,1],' % numbers
    for dtype, size in ((b"F32", 4), (b"F64", 8)):
        measure(f"JSON, {dtype.decode()}, gradient",
                json_request(lambdas, b'"dtype":"' + dtype + b'",' + shape + b'"data":[', b"}}}", numbers),
                size * numbers)
    measure("JSON, dtype after the data",
            json_request(lambdas, shape + b'"data":[', b',"dtype":"F32"}}}', numbers), 9 * numbers)
    measure("JSON, gradients none",
            json_request(b'"gradients":"none",' + lambdas, b'"dtype":"F32",' + shape + b'"data":[', b"}}}",
                         numbers), 0)


def test_larger_than_memory():
    """With gradients none a body may be longer than all the memory that there is for requests."""
    big = [128, 100, 16384]
    measure("800 MiB under --max-memory 64MiB, gradients none",
            binary([("fr", "F32", big)], RATES, "?gradients=none"), 16384 * (96 + 3 * 8), "--max-memory=64MiB")


def test_idle_connections():
    """Ten thousand connections that were used once and are kept alive."""
    count = 10000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        raise AssertionError(f"this test needs {count + 200} descriptors, and may have {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Daemon("--max-connections", str(count + 10), "--max-memory", "2GiB", "--idle-timeout", "300") as daemon:
        usage = Usage(daemon)
        held = []
        for _ in range(count):
            connection = daemon.connect()
            connection.sendall(get())
            assert Reader(connection).answer().status == 200
            held.append(connection)
        peak = usage.peak()
        print(f"  10,000 idle connections: {peak / count / 1024:.1f} KiB each")
        assert metric(daemon, "rnnlossd_connections") == count + 1
        assert peak <= count * 160 * 1024, peak
        assert metric(daemon, "rnnlossd_reserved_bytes") <= 2048 * MIB
        connection = held[count // 2]
        connection.sendall(get())
        assert Reader(connection).answer().status == 200
        for connection in held:
            connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


if __name__ == "__main__":
    cases.main(globals())
