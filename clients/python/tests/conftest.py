"""What the tests find: the daemon of tests/clients/run, and a client of it."""

import http.client
import json
import os
import uuid

import pytest

import rnnloss


def setting(name):
    """What tests/clients/run says: RNNLOSS_TEST_name."""
    value = os.environ.get("RNNLOSS_TEST_" + name)
    if not value:
        pytest.exit(f"RNNLOSS_TEST_{name} is missing; run: tests/clients/run build python", returncode=2)
    return value


@pytest.fixture
def url():
    return setting("URL")


@pytest.fixture
def client(url):
    with rnnloss.Client(url) as one:
        yield one


class Faults:
    """A daemon's bad days (tests/clients/faults.py): what happens is in the request's id."""

    url = ""

    @staticmethod
    def id(kind, count):
        return f"{kind}-{count}-{uuid.uuid4().hex[:12]}"

    def counts(self, request_id):
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"))
        connection.request("GET", f"/attempts/{request_id}")
        counts = json.loads(connection.getresponse().read())
        connection.close()
        return counts

    def attempts(self, request_id):
        return self.counts(request_id)["attempts"]


@pytest.fixture
def faults():
    found = Faults()
    found.url = setting("FAULTS")
    return found


@pytest.fixture
def closed():
    return setting("CLOSED")
