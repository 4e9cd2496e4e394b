"""TLS, tokens, client certificates; unix sockets; the settings."""

import copy
import pickle
import socket
import subprocess
import time

import numpy as np
import pytest
from conftest import setting

import rnnloss

FR = np.ones((2, 3, 4), np.float32)


def guarded(**changes):
    """A client of the daemon that asks for token and certificate."""
    names = {"token": "TOKEN", "ca": "CA", "cert": "CERT", "key": "KEY"}
    return rnnloss.Client(setting("TLS_URL"), **{**{name: setting(word) for name, word in names.items()}, **changes})


def refused(client):
    with client, pytest.raises(rnnloss.Error) as caught:
        client.version()
    return caught.value


def test_tls_token_and_certificate():
    with guarded() as client:
        large = np.ones((64, 100, 256), np.float32)
        answer = client.loss({"lambda_fr": 0.5}, fr=large)
        assert answer.loss == 0.5
        assert (answer.gradients["fr"] == np.float32(1 / large.size)).all()
        assert client.health() == {setting("TLS_URL"): "ready"}


def test_who_is_refused():
    error = refused(guarded(token=""))
    assert (error.type, error.status) == ("unauthorized", 401)
    error = refused(guarded(token="wrong"))
    assert (error.type, error.status) == ("unauthorized", 401)
    error = refused(guarded(cert=None, key=None))
    assert (error.type, error.status) == ("forbidden", 403)


def test_a_large_body_that_is_refused_early():
    with guarded(token="wrong") as client, pytest.raises(rnnloss.Error) as caught:
        client.loss({"lambda_fr": 1.0}, fr=np.ones((64, 100, 512), np.float32))
    assert caught.value.type == "unauthorized"


def test_a_certificate_that_is_not_trusted_is_no_reason_to_retry(tmp_path, url, monkeypatch):
    monkeypatch.setattr("rnnloss._transport.time.sleep", lambda _: pytest.fail("it waits for another attempt"))
    script = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout k.pem -out other.pem -subj /CN=other"
    subprocess.run(script.split(), cwd=tmp_path, check=True, capture_output=True)
    for ca in (None, str(tmp_path / "other.pem")):
        error = refused(guarded(ca=ca))
        assert (error.type, error.status) == ("unreachable", 0)
        assert "certificate" in error.detail
    # Nor is it one to go on to another endpoint.
    both = rnnloss.Client([setting("TLS_URL"), url], ca=tmp_path / "other.pem")
    assert refused(both).type == "unreachable"


def test_a_certificate_for_another_name_is_not_trusted(monkeypatch):
    url = setting("TLS_URL")
    real, address = socket.create_connection, ("127.0.0.1", int(url.rsplit(":", 1)[1]))
    monkeypatch.setattr("rnnloss._connection.socket.create_connection", lambda _, timeout: real(address, timeout))
    error = refused(rnnloss.Client(url.replace("localhost", "elsewhere"), ca=setting("CA"), retries=0))
    assert "Hostname mismatch" in error.detail


def test_tls_where_none_is_spoken(url):
    error = refused(rnnloss.Client(url.replace("http:", "https:"), retries=1))
    assert (error.type, error.status) == ("unreachable", 0)


def test_no_tls_where_it_is_spoken():
    error = refused(rnnloss.Client(setting("TLS_URL").replace("https:", "http:"), retries=0))
    assert error.type in ("unreachable", "unexpected-answer")


def test_unix_socket():
    with rnnloss.Client(setting("UNIX")) as client:
        assert client.loss({"lambda_fr": 0.5}, fr=FR).loss == 0.5
        assert client.health() == {setting("UNIX"): "ready"}


def test_connect_timeout():
    # A full backlog: connections to it neither succeed nor fail.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        name = deaf.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(name)
        began = time.monotonic()
        client = rnnloss.Client(f"http://127.0.0.1:{name[1]}", connect_timeout=0.3, retries=0)
        error = refused(client)
        assert 0.25 < time.monotonic() - began < 4
        assert error.type == "unreachable"
        client = rnnloss.Client(f"http://127.0.0.1:{name[1]}", timeout=0.3)
        assert refused(client).type == "timeout"
        for one in waiting:
            one.close()


def test_settings_of_the_environment(monkeypatch, url, closed):
    monkeypatch.setenv("RNNLOSS_URL", f"{closed}, {url}")
    monkeypatch.setenv("RNNLOSS_TOKEN", "a-token\n")
    with rnnloss.Client() as client:
        assert list(client.health()) == [closed, url]
        assert client._settings.token == "a-token"
        assert client.version()["contract"] == 1
        assert "a-token" not in repr(client) + repr(client._settings)
    with rnnloss.Client(url, token="") as client:
        assert client._settings.token is None
        assert client._settings.endpoints[0].text == url
    monkeypatch.delenv("RNNLOSS_URL")
    assert rnnloss.Client()._settings.endpoints[0].authority == "127.0.0.1:8080"
    settings = rnnloss.Client()._settings
    assert (settings.timeout, settings.connect_timeout, settings.retries) == (60, 5, 3)


@pytest.mark.parametrize("text", ["", "127.0.0.1:8080", "ftp://a", "http://", "http://a:x", "http://a/path", "unix:",
                                  "http://u:p@a", "http://a..b", "http://a?b", "https://a:99999"])  # fmt: skip
def test_what_is_no_endpoint(text):
    with pytest.raises(ValueError, match=r"endpoint"):
        rnnloss.Client(text)


def test_endpoints_of_other_forms():
    endpoints = rnnloss.Client("http://[::1]:80/,https://h,http://h:8080")._settings.endpoints
    assert [endpoint.authority for endpoint in endpoints] == ["[::1]", "h", "h:8080"]
    assert endpoints[0].host == "::1"
    assert endpoints[1].port == 443


def test_no_proxy_is_used(monkeypatch, url, closed):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, closed)
    assert rnnloss.Client(url, retries=0).version()["contract"] == 1


def test_copies_and_pickles(client):
    client.version()
    for other in (copy.deepcopy(client), pickle.loads(pickle.dumps(client))):
        assert other._settings == client._settings
        assert other.version()["contract"] == 1
    error = rnnloss.Error("overloaded", 503, "a", "b", "/c", "d")
    again = pickle.loads(pickle.dumps(error))
    assert vars(again) == vars(error)
    assert repr(again) == "Error('overloaded', 503, 'a', 'b', '/c', 'd')"
    assert str(again) == "overloaded at /c: b (request d, status 503)"


@pytest.mark.parametrize("bad", ["a\r\nX-Evil: 1", "ä", "a\0b"])
def test_nothing_is_smuggled_into_the_head(client, bad):
    with pytest.raises(ValueError, match="head of a request"):
        client.version(request_id=bad)
    with pytest.raises(ValueError, match="head of a request"):
        client.request("GET", "/" + bad)
    with pytest.raises(ValueError, match="head of a request"):
        rnnloss.Client("http://h", token=bad)
    assert client.version()["contract"] == 1
