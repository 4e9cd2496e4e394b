"""Connections that break, daemons that are busy, proxies that say something else."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import rnnloss

WEIGHTS = {"lambda_fr": 1.0}
FR = np.arange(8, dtype=np.float32).reshape(1, 2, 4)


def ask(client, request_id, **options):
    return client.loss(WEIGHTS, fr=FR, request_id=request_id, **options)


@pytest.fixture
def fresh(faults):
    """A client without connections yet."""
    with rnnloss.Client(faults.url) as one:
        yield one


@pytest.mark.parametrize("kind", ["reset", "close", "cut", "refuse", "draining"])
def test_it_is_tried_again(fresh, faults, kind):
    request_id = faults.id(kind, 2)
    answer = ask(fresh, request_id)
    assert answer.loss == 17.5
    assert answer.request_id == request_id
    assert faults.attempts(request_id) == 3


@pytest.mark.parametrize("kind", ["reset", "close", "cut", "refuse"])
def test_retries_end(fresh, faults, kind):
    request_id = faults.id(kind, 9)
    with pytest.raises(rnnloss.Error) as caught:
        ask(fresh, request_id)
    assert (caught.value.type, caught.value.status) == ("unreachable", 0)
    assert caught.value.request_id == request_id
    assert faults.attempts(request_id) == 4


def test_retries_as_set(faults):
    request_id = faults.id("reset", 9)
    with rnnloss.Client(faults.url, retries=1) as client, pytest.raises(rnnloss.Error):
        ask(client, request_id)
    assert faults.attempts(request_id) == 2


def test_large_body_is_refused_and_sent_again(fresh, faults):
    request_id = faults.id("refuse", 1)
    fr = np.ones((64, 100, 256), np.float32)
    assert fresh.loss(WEIGHTS, fr=fr, gradients="none", request_id=request_id).loss == 1.0
    assert faults.attempts(request_id) == 2


@pytest.mark.parametrize("kind", ["busy", "down"])
def test_retry_after_is_obeyed(fresh, faults, kind):
    request_id = faults.id(kind, 1)
    began = time.monotonic()
    assert ask(fresh, request_id).loss == 17.5
    assert 1.0 <= time.monotonic() - began < 30
    assert faults.counts(request_id) == {"attempts": 2, "connections": 1}


def test_too_long_a_wait_is_an_error_at_once(fresh, faults):
    request_id = faults.id("later", 1)
    began = time.monotonic()
    with pytest.raises(rnnloss.Error) as caught:
        ask(fresh, request_id)
    assert time.monotonic() - began < 30
    assert (caught.value.type, caught.value.status) == ("overloaded", 503)
    assert caught.value.request_id == request_id
    assert faults.attempts(request_id) == 1


def test_the_last_answer_is_raised(faults):
    request_id = faults.id("draining", 9)
    with rnnloss.Client(faults.url, retries=2) as client, pytest.raises(rnnloss.Error) as caught:
        ask(client, request_id)
    assert (caught.value.type, caught.value.status, caught.value.detail) == ("draining", 503, "as the test wished")
    assert faults.attempts(request_id) == 3


@pytest.mark.parametrize(("kind", "status", "beginning"), [("page", 502, "Bad Gateway"), ("wrong", 200, "hello")])
def test_unexpected_answers_are_no_reason_to_retry(fresh, faults, kind, status, beginning):
    request_id = faults.id(kind, 1)
    with pytest.raises(rnnloss.Error) as caught:
        ask(fresh, request_id)
    assert (caught.value.type, caught.value.status) == ("unexpected-answer", status)
    assert beginning in caught.value.detail
    assert faults.attempts(request_id) == 1
    for call in (fresh.terms, fresh.vectors, fresh.version, lambda **k: fresh.vector("mse-by-hand", **k)):
        with pytest.raises(rnnloss.Error, match="unexpected-answer"):
            call(request_id=faults.id(kind, 1))


def test_a_wrong_request_is_sent_once(fresh, faults):
    request_id = faults.id("none", 0)
    with pytest.raises(rnnloss.Error) as caught:
        fresh.loss({"lambda_mse": 1.0}, pred=[1.0], target=[1.0, 2.0], request_id=request_id)
    error = caught.value
    assert (error.type, error.status, error.pointer) == ("shape-mismatch", 422, "/tensors/target/shape")
    assert error.title
    assert error.request_id == request_id
    assert faults.attempts(request_id) == 1


def test_timeout(fresh, faults):
    request_id = faults.id("slow", 1)
    began = time.monotonic()
    with pytest.raises(rnnloss.Error) as caught:
        ask(fresh, request_id, timeout=0.5)
    assert 0.4 < time.monotonic() - began < 4
    assert (caught.value.type, caught.value.status) == ("timeout", 0)
    assert faults.attempts(request_id) == 1


def test_timeout_is_of_the_call_as_a_whole(faults):
    request_id = faults.id("busy", 9)
    began = time.monotonic()
    with rnnloss.Client(faults.url, timeout=2.5, retries=50) as client, pytest.raises(rnnloss.Error) as caught:
        ask(client, request_id)
    assert time.monotonic() - began < 10
    assert caught.value.type == "rate-limited"
    assert faults.attempts(request_id) in (2, 3)


def test_a_connection_is_used_again(fresh, faults):
    request_id = faults.id("none", 0)
    for _ in range(3):
        ask(fresh, request_id)
    assert faults.counts(request_id) == {"attempts": 3, "connections": 1}


def test_a_connection_is_used_again_after_an_error(fresh, faults):
    request_id = faults.id("none", 0)
    for _ in range(2):
        with pytest.raises(rnnloss.Error, match="missing-tensor"):
            fresh.loss(WEIGHTS, request_id=request_id)
    assert faults.counts(request_id) == {"attempts": 2, "connections": 1}


@pytest.mark.parametrize("pause", [0, 0.1])
def test_a_closed_connection_is_replaced_without_a_word(faults, pause):
    with rnnloss.Client(faults.url, retries=0) as client:
        for _ in range(5):
            ask(client, faults.id("bye", 1))
            time.sleep(pause)
        request_id = faults.id("none", 0)
        ask(client, request_id)
    assert faults.attempts(request_id) == 1


def test_a_broken_kept_connection_is_no_attempt(faults):
    # It is alive when the request is sent, so that only the missing answer tells.
    with rnnloss.Client(faults.url, retries=0) as client:
        ask(client, faults.id("none", 0))
        request_id = faults.id("close", 1)
        assert ask(client, request_id).loss == 17.5
    assert faults.counts(request_id) == {"attempts": 2, "connections": 2}


def test_the_next_endpoint_is_asked_at_once(faults, closed, url, monkeypatch):
    monkeypatch.setattr("rnnloss._transport.time.sleep", lambda _: pytest.fail("it waits"))
    request_id = faults.id("none", 0)
    with rnnloss.Client([closed, faults.url]) as client:
        ask(client, request_id)
    assert faults.attempts(request_id) == 1
    request_id = faults.id("later", 9)
    with rnnloss.Client([faults.url, url]) as client:
        assert ask(client, request_id).loss == 17.5
    assert faults.attempts(request_id) == 1


def test_later_calls_begin_where_the_last_was_answered(faults, url):
    with rnnloss.Client([faults.url, url]) as client:
        ask(client, faults.id("reset", 9))
        request_id = faults.id("none", 0)
        ask(client, request_id)
    assert faults.attempts(request_id) == 0


def test_a_refusal_is_an_answer(faults, closed):
    with rnnloss.Client([closed, faults.url], retries=1) as client:
        with pytest.raises(rnnloss.Error, match="missing-tensor"):
            client.loss(WEIGHTS)
        assert client._transport._preferred == 1


def test_rounds(faults, closed, monkeypatch):
    waits = []
    monkeypatch.setattr("rnnloss._transport.time.sleep", waits.append)
    monkeypatch.setattr("rnnloss._transport.random.uniform", lambda low, high: high)
    request_id = faults.id("reset", 99)
    with rnnloss.Client([closed, faults.url], retries=13) as client, pytest.raises(rnnloss.Error, match="unreachable"):
        ask(client, request_id)
    assert faults.attempts(request_id) == 7
    assert waits == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_what_was_asked_for_in_one_round_is_no_wait_of_the_next(faults, closed, monkeypatch):
    waits = []
    monkeypatch.setattr("rnnloss._transport.time.sleep", waits.append)
    with rnnloss.Client(faults.url, retries=2) as client:
        real = client._transport.attempt

        def attempt(pool, request, deadline):
            if waits:
                raise ConnectionResetError
            return real(pool, request, deadline)

        monkeypatch.setattr(client._transport, "attempt", attempt)
        with pytest.raises(rnnloss.Error, match="unreachable"):
            ask(client, faults.id("busy", 1))
    assert waits[0] == 1
    assert waits[1] < 0.5


def test_an_id_that_the_daemon_replaces(fresh):
    long = "x" * 100
    assert fresh.loss(WEIGHTS, fr=FR, request_id=long).request_id not in ("", long)


def test_nobody_listens(closed):
    with rnnloss.Client(closed, retries=1) as client, pytest.raises(rnnloss.Error) as caught:
        client.version()
    assert (caught.value.type, caught.value.status) == ("unreachable", 0)
    assert closed in caught.value.detail
    with rnnloss.Client("unix:/nowhere/at/all", retries=0) as client, pytest.raises(rnnloss.Error, match="unreachable"):
        client.version()


def test_health_raises_nothing(faults, closed, url, monkeypatch):
    with rnnloss.Client([url, closed, "unix:/nowhere", faults.url]) as client:
        assert client.health() == {url: "ready", closed: "unreachable", "unix:/nowhere": "unreachable",
                                   faults.url: "ready"}  # fmt: skip
    kinds = {"draining": "draining", "page": "unreachable", "wrong": "unreachable", "reset": "unreachable",
             "down": "not-ready", "slow": "unreachable"}  # fmt: skip
    for kind, state in kinds.items():
        request_id = faults.id(kind, 1)
        with monkeypatch.context() as patched, rnnloss.Client(faults.url) as client:
            patched.setattr("rnnloss._client.uuid.uuid4", lambda request_id=request_id: _Hex(request_id))
            assert client.health(timeout=0.5 if kind == "slow" else 30) == {faults.url: state}, kind


class _Hex:
    def __init__(self, text):
        self.hex = text


def test_threads(faults):
    failures = []
    with rnnloss.Client(faults.url) as client:

        def work(number):
            fr = np.full((3, 5), number, np.float64)
            for turn in range(20):
                kind = ("none", "reset", "bye", "cut")[turn % 4]
                answer = client.loss(WEIGHTS, fr=fr, request_id=faults.id(kind, 1))
                if answer.loss != number**2 or not (answer.gradients["fr"] == 2 * number / 15).all():
                    failures.append((number, turn))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert not failures
    assert not any(thread.is_alive() for thread in threads)


def test_idle_connections_are_not_hoarded(url, monkeypatch):
    monkeypatch.setattr("rnnloss._connection.IDLE_MOST", 2)
    with rnnloss.Client(url) as client:
        (pool,) = client._transport.pools
        connections = [pool.open(time.monotonic() + 30) for _ in range(4)]
        for connection in connections:
            pool.give(connection)
        assert [connection.sock is None for connection in connections] == [False, False, True, True]
        assert client.version()["contract"] == 1
        assert pool.take() is connections[1]
        assert connections[1].sock is not None
        connections[1].close()


FORK = """
import os, sys
import numpy as np
import rnnloss
client = rnnloss.Client(sys.argv[1])
def ask():
    return client.loss({"lambda_fr": 1.0}, fr=np.full((3, 4), 2.0), request_id=sys.argv[2]).loss
assert ask() == 4
child = os.fork()
if child == 0:
    os._exit(0 if ask() == 4 else 1)
assert os.waitpid(child, 0)[1] == 0
assert ask() == 4
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_its_own_connections(faults):
    # In a process of its own: this one has threads.
    request_id = faults.id("none", 0)
    environment = dict(os.environ, PYTHONPATH=str(Path(rnnloss.__file__).parents[1]))
    subprocess.run([sys.executable, "-c", FORK, faults.url, request_id], env=environment, check=True, timeout=60)
    assert faults.counts(request_id) == {"attempts": 3, "connections": 2}
