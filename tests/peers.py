#!/usr/bin/env python3
"""Slow, silent and too many peers, and too much at once: each limit from both sides.

    tests/peers.py [WORD...]    only tests whose name holds a WORD

Every test has a daemon of its own, with limits that are short to wait for; all run side by side.
"""
import concurrent.futures
import json
import socket
import struct
import sys
import threading
import time

from http_raw import SAMPLE, Daemon, Reader, ask, get, is_problem, is_sample_answer, metric, post

SLACK = 4  # seconds: deadlines are looked at once a second, and the machine may be busy
MIB = 1 << 20


def timed(action):
    began = time.monotonic()
    result = action()
    return result, time.monotonic() - began


def rest_of(connection):
    """All that still comes."""
    reader = Reader(connection)
    try:
        while reader.more():
            pass
    except ConnectionResetError:
        pass
    return reader.rest


def is_timeout(answer):
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    head, body = answer.split(b"\r\n\r\n", 1)
    assert b"application/problem+json" in head and b"Connection: close" in head, head
    problem = json.loads(body)
    assert problem["status"] == 408 and problem["type"].endswith("#timeout"), problem
    return True


def trickle(connection, data, seconds, pause=0.1):
    """Sends a byte now and then, until all is sent, the time is over or the peer has gone."""
    end = time.monotonic() + seconds
    for byte in data:
        if time.monotonic() > end:
            return
        try:
            connection.sendall(bytes([byte]))
        except OSError:
            return
        time.sleep(pause)


def weights(rows, columns, seed=1.5, **options):
    """A safetensors body: w_in of float32."""
    data = struct.pack("<f", seed) * (rows * columns)
    header = json.dumps({"__metadata__": {"lambda_in": "1.0", **options},
                         "w_in": {"dtype": "F32", "shape": [rows, columns], "data_offsets": [0, len(data)]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


def numbers(count):
    """A JSON body: w_in of as many numbers."""
    return (b'{"lambdas":{"lambda_in":1},"tensors":{"w_in":{"dtype":"F64","shape":[1,%d],"data":[' % count
            + b"1," * (count - 1) + b"1]}}}")


SAFETENSORS = "Content-Type: application/vnd.safetensors"


def settles(daemon, name, value):
    """A moment may pass until what a peer has seen is counted."""
    end = time.monotonic() + SLACK
    while metric(daemon, name) != value:
        assert time.monotonic() < end, f"{name} is {metric(daemon, name)}, not {value}"
        time.sleep(0.01)


# ---- Deadlines ------------------------------------------------------------------------------------------------

def test_trickled_headers():
    """Whatever a peer sends byte by byte, its headers have 1 second in all, from the first line or within it."""
    with Daemon("--header-timeout", "1") as daemon:
        for start in (b"", b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: "):
            with daemon.connect() as connection:
                connection.sendall(start)
                answer, took = timed(lambda c=connection: (trickle(c, b"GET /" + b"a" * 200, 10), rest_of(c))[1])
                assert is_timeout(answer) and 1 <= took < 10 + SLACK, took
        with daemon.connect() as connection:  # in time, if only just
            connection.sendall(b"GET /livez HTTP/1.1\r\n")
            time.sleep(0.5)
            connection.sendall(b"Host: x\r\n\r\n")
            assert Reader(connection).answer().status == 200


def test_silence():
    """A connection that says nothing ends; one that was kept alive has longer."""
    with Daemon("--header-timeout", "1", "--idle-timeout", "3") as daemon:
        with daemon.connect() as silent, daemon.connect() as kept:
            kept.sendall(get())
            reader = Reader(kept)
            assert reader.answer().status == 200
            began = time.monotonic()
            rest_of(silent)
            assert time.monotonic() - began < 1 + SLACK
            kept.sendall(get())  # before its 3 seconds are over: they begin anew
            assert reader.answer().status == 200
            _, took = timed(reader.ended)
            assert 2 < took < 3 + SLACK, took


def test_trickled_request_line():
    """A connection that was kept alive isn't kept for ever by a byte now and then."""
    with Daemon("--idle-timeout", "2") as daemon, daemon.connect() as kept:
        kept.sendall(get())
        reader = Reader(kept)
        assert reader.answer().status == 200
        rest, took = timed(lambda: (trickle(kept, b"GET /" + b"a" * 200, 12), rest_of(kept))[1])
        assert rest == b"" and 2 <= took < 12, (rest, took)


def test_slow_bodies():
    """A body slower than 1 s + bytes/min-rate is answered with 408; one that is just quick enough is taken."""
    with Daemon("--transfer-timeout", "1", "--min-rate", "1KiB") as daemon:
        for head in (post("/loss", b"", length=500), b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"):
            with daemon.connect() as connection:
                connection.sendall(head)
                answer, took = timed(lambda c=connection: (trickle(c, b"1\r\n{\r\n" + b"1\r\n \r\n" * 40, 8), rest_of(c))[1])
                assert is_timeout(answer) and 1 <= took < 8 + SLACK, took
        body = SAMPLE + b" " * 2000  # 3 seconds are allowed
        with daemon.connect() as connection:
            connection.sendall(post("/loss", b"", length=len(body)))
            for at in range(0, len(body), 200):
                connection.sendall(body[at:at + 200])
                time.sleep(0.1)
            is_sample_answer(Reader(connection).answer())
        with daemon.connect() as connection:  # of a length that isn't said: what has come so far counts
            connection.sendall(b"POST /loss HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in [b" " * 300] * 15 + [SAMPLE]:
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                time.sleep(0.2)
            connection.sendall(b"0\r\n\r\n")
            is_sample_answer(Reader(connection).answer())
        settles(daemon, "rnnlossd_timeouts_total", 2)
        settles(daemon, "rnnlossd_requests_in_flight", 1)


def test_slow_readers():
    """An answer that is read too slowly is given up; one read just quickly enough is whole."""
    body = weights(2048, 2048)  # 16 MiB and back
    with Daemon("--transfer-timeout", "1", "--min-rate", "4MiB", "--threads", "1") as daemon:
        def reading(connection, pause, least):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            connection.sendall(post("/loss", body, SAFETENSORS))
            read, end = 0, time.monotonic() + 7
            while time.monotonic() < end:
                try:
                    piece = connection.recv(least)
                except ConnectionResetError:
                    break
                if not piece:
                    break
                read += len(piece)
                if read >= len(body) - 200:
                    break
                time.sleep(pause)
            return read

        with daemon.connect() as connection:
            read, took = timed(lambda: reading(connection, 0.5, 1))
            assert read < MIB and took < 5 + 1 + 2 * SLACK, (read, took)
        with daemon.connect() as connection:
            read, took = timed(lambda: reading(connection, 0.005, 65536))
            assert read >= len(body) - 200, read
        with daemon.connect() as connection:  # JSON, chunked: its length is not known
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            connection.sendall(post("/loss", numbers(MIB)))
            assert connection.recv(1)
            time.sleep(2 + SLACK)
            assert len(rest_of(connection)) < 8 * MIB
        settles(daemon, "rnnlossd_timeouts_total", 2)


# ---- Too many, too much -----------------------------------------------------------------------------------------

def test_connections():
    """One connection too many is refused what costs, and still gets health and metrics."""
    with Daemon("--max-connections", "4") as daemon:
        held = [daemon.connect() for _ in range(4)]
        for connection in held:
            connection.sendall(get())
            assert Reader(connection).answer().status == 200
        with daemon.connect() as extra:
            extra.sendall(post("/loss", SAMPLE))
            reader = Reader(extra)
            answer = reader.answer()
            problem = is_problem(answer, 503, "overloaded")
            assert "--max-connections" in problem["detail"] and "retry-after" in answer.headers and reader.ended()
        for path in ("/livez", "/healthz", "/readyz", "/metrics"):
            assert ask(daemon, get(path)).status == 200, path
        held.pop().close()
        time.sleep(0.2)
        is_sample_answer(ask(daemon, post("/loss", SAMPLE)))
        spare = [daemon.connect() for _ in range(1 + 64)]
        with daemon.connect() as beyond:  # nor can it be everybody's health
            assert b" 503 " in rest_of(beyond).split(b"\r\n")[0]
        for connection in held + spare:
            connection.close()


def begin(daemon, length, query=""):
    """A request that waits to be told to go on: its connection and the status of the interim (or final) answer."""
    connection = daemon.connect()
    connection.sendall(post("/loss" + query, b"", "Expect: 100-continue", SAFETENSORS, length=length))
    reader = Reader(connection)
    return connection, reader, reader.answer()


def test_memory():
    """What a body needs is reserved before it is asked for."""
    with Daemon("--max-memory", "32MiB", "--max-connections", "16") as daemon:
        rest = metric(daemon, "rnnlossd_reserved_bytes")
        first, reader, answer = begin(daemon, 20 * MIB)
        assert answer.status == 100
        assert metric(daemon, "rnnlossd_reserved_bytes") >= 20 * MIB
        second, _, answer = begin(daemon, 20 * MIB)
        problem = is_problem(answer, 503, "overloaded")
        assert "retry-after" in answer.headers and "--max-memory" in problem["detail"], problem
        _, _, answer = begin(daemon, 40 * MIB)
        assert "--max-memory" in is_problem(answer, 413, "too-large")["detail"]
        third, _, answer = begin(daemon, 40 * MIB, "?gradients=none")
        assert answer.status == 100
        assert ask(daemon, get("/readyz")).status == 200
        is_sample_answer(ask(daemon, post("/loss", SAMPLE)))
        for connection in (first, second, third):
            connection.close()
        settles(daemon, "rnnlossd_reserved_bytes", rest)
        last, reader, answer = begin(daemon, len(weights(2048, 2048)))
        assert answer.status == 100
        last.sendall(weights(2048, 2048))
        assert reader.answer().status == 200
        last.close()
        settles(daemon, "rnnlossd_reserved_bytes", rest)


def test_memory_of_unknown_length():
    """Chunked bodies reserve what they need in steps, and are refused once there is no more."""
    body = weights(2048, 2048)
    pieces = [body[at:at + MIB] for at in range(0, len(body), MIB)]

    def send(connection, headers=()):
        lines = ["POST /loss HTTP/1.1", "Host: x", "Transfer-Encoding: chunked", SAFETENSORS, *headers]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        for piece in pieces:
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
        return Reader(connection).answer()

    with Daemon("--max-memory", "20MiB", "--max-connections", "8") as daemon:
        rest = metric(daemon, "rnnlossd_reserved_bytes")
        with daemon.connect() as connection:
            assert send(connection).status == 200
        settles(daemon, "rnnlossd_reserved_bytes", rest)
        first, _, answer = begin(daemon, 8 * MIB)
        assert answer.status == 100
        with daemon.connect() as connection:
            is_problem(send(connection), 503, "overloaded")
        first.close()
        settles(daemon, "rnnlossd_reserved_bytes", rest)


def test_what_passes_by_is_given_back():
    """Reserved by its length, a body of which nothing is kept gives that back as soon as it says so."""
    body = weights(2048, 2048, gradients="none")
    with Daemon("--max-memory", "32MiB", "--max-connections", "8") as daemon:
        first, reader, answer = begin(daemon, len(body))
        assert answer.status == 100 and metric(daemon, "rnnlossd_reserved_bytes") > 16 * MIB
        first.sendall(body[:MIB])
        end = time.monotonic() + SLACK
        while metric(daemon, "rnnlossd_reserved_bytes") > 4 * MIB:
            assert time.monotonic() < end, "it is not given back"
        first.sendall(body[MIB:])
        assert reader.answer().status == 200
        first.close()


def test_what_is_refused_is_given_back():
    """A request that is wrong holds no memory while the rest of its body still comes."""
    head, body = b'{"tensors":{"w_in":{"dtype":"F64","shape":[1,99],"data":[', b"1," * (4 * MIB)
    with Daemon("--max-memory", "48MiB", "--max-connections", "8") as daemon, daemon.connect() as connection:
        connection.sendall(b"POST /loss?lambda_in=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 33554432\r\n\r\n")
        connection.sendall(head + b"x")  # not JSON
        end = time.monotonic() + SLACK
        while metric(daemon, "rnnlossd_reserved_bytes") > 4 * MIB:
            assert time.monotonic() < end, "it is not given back"
        connection.sendall(body)
        is_sample_answer(ask(daemon, post("/loss", SAMPLE)))


def test_json_beyond_its_text():
    """JSON whose numbers are longer in memory than as text is reserved for in steps: nothing goes uncounted."""
    body = numbers(3 * MIB)
    with Daemon("--max-memory", "20MiB", "--max-connections", "8") as daemon:
        answer = ask(daemon, post("/loss", body))
        is_problem(answer, 503, "overloaded")  # 6 MiB of text, 24 MiB of numbers
        assert ask(daemon, post("/loss?gradients=none", body)).json["loss"] == 1.0
    with Daemon("--max-memory", "40MiB", "--max-connections", "8") as daemon:
        assert ask(daemon, post("/loss?wrt=w_in", body, "Accept: application/vnd.safetensors")).status == 200


def test_good_among_slow():
    """While many peers dawdle, a good one is served at once."""
    with Daemon("--max-connections", "400", "--header-timeout", "30") as daemon:
        slow = []
        for i in range(300):
            connection = daemon.connect()
            connection.sendall((b"GET /livez HT", post("/loss", b"{", length=500), post("/loss", b"", length=9))[i % 3])
            slow.append(connection)
        stop = threading.Event()

        def dawdle():
            while not stop.is_set():
                for connection in slow:
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        pass
                stop.wait(0.1)

        thread = threading.Thread(target=dawdle)
        thread.start()
        for _ in range(200):
            is_sample_answer(ask(daemon, post("/loss", SAMPLE)))
        stop.set()
        thread.join()
        for connection in slow:
            connection.close()


def run(name, test):
    began = time.monotonic()
    try:
        test()
        return True, f"       {name}: {time.monotonic() - began:.1f} s"
    except Exception as error:  # one test's failure is not the end of the others
        return False, f"FAILED {name}: {type(error).__name__}: {error}"


def main():
    words = sys.argv[1:]
    tests = [(name, test) for name, test in globals().items()
             if name.startswith("test_") and (not words or any(word in name for word in words))]
    passed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(tests) or 1) as pool:
        for good, line in pool.map(lambda pair: run(*pair), tests):
            passed += good
            print(line, flush=True)
    print(f"{passed} passed, {len(tests) - passed} failed")
    sys.exit(0 if tests and passed == len(tests) else 1)


if __name__ == "__main__":
    main()
