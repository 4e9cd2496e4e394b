"""Answers that are broken or made to harm: `unexpected-answer`, never another exception, and no waiting for ever."""

import contextlib
import json
import socket
import struct
import threading
import time

import numpy as np
import pytest

import rnnloss

FR = np.ones((2, 3), np.float32)
SAFETENSORS = "application/vnd.safetensors"


@contextlib.contextmanager
def server(answer, pieces=1, pause=0.0, keep=False):
    """Answers every request with the same bytes, in pieces; how many connections there were."""
    listener = socket.create_server(("127.0.0.1", 0))
    count = [0]

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            count[0] += 1
            with connection, contextlib.suppress(OSError):
                read_request(connection)
                size = -(-len(answer) // pieces)
                for begin in range(0, len(answer), size):
                    connection.sendall(answer[begin : begin + size])
                    time.sleep(pause)
                if keep:
                    connection.recv(1 << 16)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", count
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def read_request(connection):
    """Reads a request, so that closing the connection is no reset."""
    stream = connection.makefile("rb")
    length = 0
    while (line := stream.readline().lower().strip()) != b"":
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    stream.read(length)


def test_what_is_sent():
    sent = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                sent.append(connection.recv(1 << 16))
                connection.sendall(http(b'{"contract": 1}', "application/json"))

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        with rnnloss.Client(f"http://127.0.0.1:{port}", token="secret") as client:
            client.version(request_id="mine")
        thread.join()
    head = sent[0].decode().split("\r\n")
    assert head[0] == "GET /version HTTP/1.1"
    assert set(head[1:-2]) == {f"Host: 127.0.0.1:{port}", "User-Agent: rnnloss-python/0.1.0", "X-Request-Id: mine",
                               "Authorization: Bearer secret", "Accept: application/json"}  # fmt: skip


def http(body, kind=SAFETENSORS, head="HTTP/1.1 200 OK", extra="", length=None):
    length = f"Content-Length: {len(body) if length is None else length}\r\n"
    return f"{head}\r\n{length}Content-Type: {kind}\r\n{extra}Connection: close\r\n\r\n".encode() + body


def raised(answer, call=lambda client: client.loss({"lambda_fr": 1}, fr=FR), **how):
    with server(answer, **how) as (url, count), rnnloss.Client(url, retries=2, timeout=10) as client:
        with pytest.raises(rnnloss.Error) as caught:
            call(client)
        return caught.value, count[0]


def file(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin, end, dtype="F64", shape=()):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


METADATA = {"contract": "1", "lambda_fr": "1.0", "unused": "", "warnings": ""}
GOOD = {"__metadata__": METADATA, "loss": entry(0, 8), "terms.fr.loss": entry(8, 16),
        "terms.fr.unweighted": entry(16, 24), "gradients.fr": entry(24, 48, "F32", (2, 3))}  # fmt: skip
DATA = struct.pack("<3d6f", 1, 1, 1, *range(6))


def changed(**changes):
    return file({**GOOD, **{name.replace("__", "."): value for name, value in changes.items()}}, DATA)


def without(name):
    return file({key: value for key, value in GOOD.items() if key != name}, DATA)


def test_the_good_one_is_read():
    with server(http(file(GOOD, DATA))) as (url, _), rnnloss.Client(url) as client:
        answer = client.loss({"lambda_fr": 1}, fr=FR)
        assert answer.gradients["fr"].tolist() == [[0, 1, 2], [3, 4, 5]]
    # Data of odd offsets are legal.
    odd = file(json.dumps(GOOD).encode() + b" " * (3 + -len(json.dumps(GOOD)) % 8), DATA)
    with server(http(odd)) as (url, _), rnnloss.Client(url) as client:
        gradient = client.loss({"lambda_fr": 1}, fr=FR).gradients["fr"]
        assert gradient.tolist() == [[0, 1, 2], [3, 4, 5]]
        assert gradient.flags.aligned


BROKEN = {
    "empty": b"",
    "seven bytes": b"1234567",
    "a header beyond the end": struct.pack("<Q", 100) + b"{}",
    "a huge header": struct.pack("<Q", 2**64 - 1) + b"{}",
    "no JSON": file(b"{,}"),
    "no UTF-8": file(b'{"\xff": 1}'),
    "deep": file(b"[" * 100000),
    "an array": file([]),
    "entries that are none": file({"loss": 1}),
    "metadata that are none": file({**GOOD, "__metadata__": []}, DATA),
    "metadata of numbers": file({**GOOD, "__metadata__": {**METADATA, "contract": 1}}, DATA),
    "no metadata": without("__metadata__"),
    "no weight": file({**GOOD, "__metadata__": {"contract": "1"}}, DATA),
    "a contract that is no number": file({**GOOD, "__metadata__": {**METADATA, "contract": "x"}}, DATA),
    "no loss": file({"__metadata__": METADATA}),
    "no unweighted": without("terms.fr.unweighted"),
    "offsets beyond the end": changed(loss=entry(0, 800)),
    "negative offsets": changed(loss=entry(-8, 0)),
    "offsets the wrong way": changed(loss=entry(8, 0)),
    "offsets of booleans": changed(loss=entry(False, True)),
    "one offset": changed(loss={"dtype": "F64", "shape": [], "data_offsets": [0]}),
    "no offsets": changed(loss={"dtype": "F64", "shape": []}),
    "no shape": changed(loss={"dtype": "F64", "data_offsets": [0, 8]}),
    "overlapping tensors": changed(terms__fr__loss=entry(0, 8)),
    "bytes left over": file(GOOD, DATA + b"1234"),
    "bytes missing": file(GOOD, DATA[:-1]),
    "another dtype": changed(gradients__fr=entry(24, 48, "F64", (3,))),
    "an unknown dtype": changed(gradients__fr=entry(24, 48, "F8", (2, 3))),
    "a dtype that is none": changed(gradients__fr=entry(24, 48, ["F32"], (2, 3))),
    "another shape": changed(gradients__fr=entry(24, 48, "F32", (3, 2))),
    "a shape that isn't filled": changed(gradients__fr=entry(24, 48, "F32", (2, 4))),
    "a huge shape": changed(gradients__fr=entry(24, 48, "F32", (2**62, 2**62))),
    "a negative shape": changed(gradients__fr=entry(24, 48, "F32", (-2, -3))),
    "many axes": changed(gradients__fr=entry(24, 48, "F32", (2, 3, *[1] * 90))),
    "a loss of F32": changed(loss=entry(0, 8, "F32", (2,))),
    "a loss with an axis": changed(loss=entry(0, 8, "F64", (1,))),
    "a gradient nobody sent": file({**GOOD, "gradients.pred": entry(48, 48, "F32", (0,))}, DATA),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_safetensors(name):
    error, count = raised(http(BROKEN[name]))
    assert (error.type, error.status, count) == ("unexpected-answer", 200, 1)


TERM = {"lambda": 1.0, "loss": 1.0, "unweighted": 1.0}
LOSS = {"loss": 1.0, "terms": {"fr": TERM}, "unused": [], "warnings": [], "contract": 1}


def gradient(**changes):
    return {**LOSS, "gradients": {"fr": {"dtype": "F32", "shape": [2, 3], "data": [1.0] * 6, **changes}}}


BROKEN_JSON = {
    "no JSON": b"{",
    "an array": [],
    "no terms": {"loss": 1.0},
    "a term that is none": {**LOSS, "terms": {"fr": 1}},
    "a loss that is none": {**LOSS, "loss": [1]},
    "a loss of words": {**LOSS, "loss": "one"},
    "a loss that is true": {**LOSS, "loss": True},
    "no contract": {**LOSS, "contract": None},
    "a gradient that is none": {**LOSS, "gradients": {"fr": 3}},
    "gradients that are none": {**LOSS, "gradients": [1]},
    "too few data": gradient(data=[1.0]),
    "words as data": gradient(data=["one"] * 6),
    "nothing as data": gradient(data=[None] * 6),
    "nested data": gradient(data=[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]),
    "another dtype": gradient(dtype="F64"),
    "an unknown dtype": gradient(dtype="I8"),
    "another shape": gradient(shape=[3, 2]),
    "a shape of words": gradient(shape=["2", "3"]),
    "a negative shape": gradient(shape=[-2, -3]),
}


@pytest.mark.parametrize("name", BROKEN_JSON)
def test_broken_json(name):
    body = BROKEN_JSON[name]
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    error, _ = raised(http(body, "application/json"), lambda c: c.loss({"lambda_fr": 1}, fr=FR, encoding="json"))
    assert (error.type, error.status) == ("unexpected-answer", 200)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"3", b'{"claims": 3}', b'{"claims": {"loss": {}}, "valid": true}',
                                  b'{"claims": {}, "valid": "yes"}', b"{" * 100000, b"\xff"])  # fmt: skip
def test_broken_reports(body):
    error, _ = raised(http(body, "application/json"), lambda c: c.validate({"lambda_fr": 1}, {"loss": 1}, fr=FR))
    assert (error.type, error.status) == ("unexpected-answer", 200)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<h1>Not <b>here</b></h1>"),
        ("application/problem+json", b"no"),
        ("application/problem+json", b"[]"),
        ("application/problem+json", b'{"type": 3}'),
        ("application/problem+json", b'{"type": "about:blank"}'),
        ("application/problem+json", b'{"type": "#x", "detail": {}}'),
        ("", b"\x00\x1b[31m"),
    ],
)
def test_errors_that_are_none_of_a_daemon(kind, body):
    error, count = raised(http(body, kind, "HTTP/1.1 404 Not Found"))
    assert (error.type, error.status, count) == ("unexpected-answer", 404, 1)
    assert error.detail.isprintable()


NO_HTTP = [
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"HTTP/1.1 abc\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"A" * 99999,
    b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
    http(b"", length=10**15),
    http(b"", length=10**30),
]


@pytest.mark.parametrize("answer", NO_HTTP)
def test_what_is_no_http(answer):
    error, count = raised(answer)
    assert error.type == "unexpected-answer"
    assert count == 1


def test_a_short_body_is_a_broken_connection():
    error, count = raised(http(b"12345678", length=100))
    assert (error.type, count) == ("unreachable", 3)
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"
    error, count = raised(chunked)
    assert (error.type, count) == ("unreachable", 3)


@pytest.mark.parametrize("size", [b"zz", b"-1", b"-5"])
def test_chunks_that_are_none(size):
    chunked = b"HTTP/1.1 200 OK\r\nContent-Type: " + SAFETENSORS.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    error, _ = raised(chunked + size + b"\r\nabc\r\n0\r\n\r\n")
    assert error.type in ("unreachable", "unexpected-answer")


def test_chunked_answers_are_read():
    body = file(GOOD, DATA)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:10], body[10:]))
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {SAFETENSORS}; a=b\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with server(head + chunks + b"0\r\n\r\n", keep=True) as (url, _), rnnloss.Client(url) as client:
        assert client.loss({"lambda_fr": 1}, fr=FR).loss == 1
    head = f"HTTP/1.0 200 OK\r\nContent-Type: {SAFETENSORS}\r\n\r\n".encode()
    with server(head + body) as (url, _), rnnloss.Client(url) as client:
        assert client.loss({"lambda_fr": 1}, fr=FR).loss == 1


def test_endless_answers_end(monkeypatch):
    monkeypatch.setattr("rnnloss._transport.ANSWER_LEAST", 1000)
    error, _ = raised(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 100000)
    assert error.type == "unexpected-answer"
    assert "an answer of more than" in error.detail


@pytest.mark.parametrize("answer", [http(file(GOOD, DATA)), http(b"", extra="A: b\r\n" * 50)])
def test_an_answer_that_trickles_in_takes_no_longer_than_the_timeout(answer):
    with server(answer, pieces=len(answer), pause=0.05) as (url, _), rnnloss.Client(url, timeout=0.5) as client:
        began = time.monotonic()
        with pytest.raises(rnnloss.Error) as caught:
            client.loss({"lambda_fr": 1}, fr=FR)
        assert time.monotonic() - began < 5
        assert (caught.value.type, caught.value.status) == ("timeout", 0)


def test_an_answer_before_the_body_is_read():
    problem = json.dumps({"type": "#unauthorized", "title": "t", "detail": "d"}).encode()
    answer = http(problem, "application/problem+json", "HTTP/1.1 401 Unauthorized")
    answer = answer.replace(b"Connection: close\r\n", b"")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)
                time.sleep(0.3)  # the client's kernel has the answer before the reset

        thread = threading.Thread(target=serve)
        thread.start()
        with rnnloss.Client(f"http://127.0.0.1:{listener.getsockname()[1]}", retries=0) as client:
            with pytest.raises(rnnloss.Error) as caught:
                client.loss({"lambda_fr": 1}, fr=np.ones((1000, 10000)))
            assert len(client._transport.pools[0]._idle) == 0
        assert (caught.value.type, caught.value.status) == ("unauthorized", 401)
        thread.join()


def test_a_daemon_that_does_not_read():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with rnnloss.Client(url, timeout=0.5) as client, pytest.raises(rnnloss.Error) as caught:
            client.loss({"lambda_fr": 1}, fr=np.ones((1000, 10000)))
        assert caught.value.type == "timeout"


def test_bytes_that_nobody_asked_for_are_not_the_next_answer():
    answer = http(file(GOOD, DATA)).replace(b"Connection: close\r\n", b"")
    with server(answer + answer, pieces=2, pause=0.05, keep=True) as (url, count), rnnloss.Client(url) as client:
        client.loss({"lambda_fr": 1}, fr=FR)
        time.sleep(0.2)
        client.loss({"lambda_fr": 1}, fr=FR)
        assert count[0] == 2


def test_retry_after_in_all_forms():
    from email.message import Message
    from email.utils import formatdate

    from rnnloss import Answer

    def seconds(text):
        headers = Message()
        headers["Retry-After"] = text
        return Answer(503, "", headers, memoryview(b""), "").retry_after()

    assert [seconds(text) for text in ("2", " 3 ", "", "-1", "1.5", "soon", "²", "9" * 500)][:7] == [
        2,
        3,
        0,
        0,
        0,
        0,
        0,
    ]
    assert seconds("9" * 500) > 1e9
    assert 8 < seconds(formatdate(time.time() + 10, usegmt=True)) <= 10
    assert seconds(formatdate(time.time() - 10, usegmt=True)) == 0
