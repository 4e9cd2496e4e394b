"""One request and its answer: over which connection, how often, and after which waits."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import http.client
import json
import random
import socket
import ssl
import time
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, Iterator, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from ._connection import Connection, Pool, tls_context
from ._endpoint import Endpoint
from ._errors import Error, unexpected

VERSION = "0.1.0"
RETRIED = (429, 503)  # the statuses after which a request is sent again
PIECE = 1 << 20  # bytes sent at once: the deadline is looked at before each
ANSWER_LEAST = 64 << 20  # bytes; longer answers must have had a long request
WAIT_FIRST, WAIT_MOST = 0.1, 2.0  # seconds
Buffer = Union[bytes, memoryview]


def check_sendable(text: str) -> None:
    """Raises ValueError if a text can't stand in the head of a request."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"{text!r} cannot be sent in the head of a request")


@dataclass(frozen=True)
class Settings:
    """What a client was made with."""

    endpoints: Tuple[Endpoint, ...]
    token: Optional[str] = field(default=None, repr=False)
    ca: Optional[str] = None
    cert: Optional[str] = None
    key: Optional[str] = None
    timeout: float = 60.0
    connect_timeout: float = 5.0
    retries: int = 3


@dataclass(frozen=True)
class Request:
    """What is sent; the same at each attempt."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: Sequence[Buffer]
    request_id: str

    def __post_init__(self) -> None:
        # Before a connection is taken, and so that nothing can be smuggled into the head.
        for text in (self.target, *self.headers.values()):
            check_sendable(text)

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return sum(len(piece) for piece in self.body)

    def pieces(self) -> Iterator[Buffer]:
        """The body, cut but not copied."""
        for buffer in self.body:
            view = memoryview(buffer)
            for begin in range(0, len(view), PIECE):
                yield view[begin : begin + PIECE]


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status.
        content_type: the media type, without parameters.
        headers: all headers.
        body: the bytes, which belong to this answer alone.
        request_id: the answer's ``X-Request-Id``, or else the request's.

    """

    status: int
    content_type: str
    headers: Message = field(repr=False)
    body: memoryview = field(repr=False)
    request_id: str

    def beginning(self) -> str:
        """The first characters of the body, on one line."""
        text = bytes(self.body[:200]).decode("utf-8", "replace")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())

    def unexpected(self, why: str) -> Error:
        """The error for an answer that is none of a rnnlossd."""
        detail = f"{why}; status {self.status}, {self.content_type or 'no Content-Type'}: {self.beginning()}"
        return unexpected(self.status, detail, self.request_id)

    def json(self) -> Any:
        """The body as JSON; raises Error (`unexpected-answer`) if it is none."""
        if self.content_type not in ("application/json", "application/problem+json"):
            raise self.unexpected("JSON was expected")
        try:
            return json.loads(bytes(self.body))
        except (ValueError, RecursionError) as error:
            raise self.unexpected(f"the JSON cannot be read ({error})") from error

    def problem(self) -> Error:
        """The error that a status other than 2xx means."""
        if self.content_type != "application/problem+json":
            return self.unexpected("no problem of a rnnlossd")
        try:
            problem = self.json()
            texts = [problem.get(name, "") for name in ("type", "title", "detail", "pointer", "request_id")]
        except (Error, AttributeError):
            return self.unexpected("no problem of a rnnlossd")
        if not all(isinstance(text, str) for text in texts) or not texts[0].startswith("#"):
            return self.unexpected("no problem of a rnnlossd")
        kind, title, detail, pointer, request_id = texts
        return Error(kind[1:], self.status, title, detail, pointer, request_id or self.request_id)

    def retry_after(self) -> float:
        """The seconds that the answer asks to wait, 0 if it doesn't."""
        text = (self.headers.get("Retry-After") or "").strip()
        if text.isascii() and text.isdigit():
            return float(text[:12])
        try:
            date = email.utils.parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return 0.0
        if date.tzinfo is None:
            date = date.replace(tzinfo=datetime.timezone.utc)
        return max(0.0, date.timestamp() - time.time())


class Transport:
    """Sends requests to the endpoints of a daemon. Safe from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        secure = any(endpoint.scheme == "https" for endpoint in settings.endpoints)
        tls = tls_context(settings.ca, settings.cert, settings.key) if secure else None
        self.pools = [Pool(endpoint, tls, settings.connect_timeout) for endpoint in settings.endpoints]
        self._preferred = 0  # the endpoint that answered last

    def close(self) -> None:
        """Closes the idle connections."""
        for pool in self.pools:
            pool.close()

    def call(self, request: Request, timeout: float) -> Answer:
        """Sends a request until it is answered: an answer of status 2xx, or Error."""
        deadline = time.monotonic() + timeout
        first, count = self._preferred, len(self.pools)
        error: Optional[Error] = None
        asked = 0.0  # by Retry-After, in this round
        for attempt in range(self._settings.retries + 1):
            if error and attempt % count == 0:
                _wait(attempt // count, asked, deadline, error)
                asked = 0.0
            chosen = (first + attempt) % count
            try:
                answer = self.attempt(self.pools[chosen], request, deadline)
            except OSError as cause:
                error = _broken(cause, self.pools[chosen].endpoint, request, deadline)
                if error.type == "timeout" or isinstance(cause, ssl.SSLCertVerificationError):
                    raise error from cause
                error.__cause__ = cause
                continue
            if answer.status in RETRIED:
                error, asked = answer.problem(), max(asked, answer.retry_after())
                continue
            self._preferred = chosen
            if not 200 <= answer.status < 300:
                raise answer.problem()
            return answer
        assert error is not None  # noqa: S101  (no attempt ends without either)
        raise error

    def attempt(self, pool: Pool, request: Request, deadline: float) -> Answer:
        """Sends a request once; OSError if the connection can't be opened or breaks before the answer is whole."""
        connection = pool.take()
        if connection is not None:
            try:
                response = _send(connection, request, deadline)
            except OSError:
                # The daemon may have closed it while it was idle, which is no failure of this request.
                connection = None
        if connection is None:
            connection = pool.open(deadline)
            response = _send(connection, request, deadline)
        with _closing_on_error(connection, request):
            answer = _receive(response, request)
        pool.give(connection)
        return answer


@contextlib.contextmanager
def _closing_on_error(connection: Connection, request: Request) -> Iterator[None]:
    """Closes a connection in whose exchange something goes wrong; what is no HTTP becomes `unexpected-answer`."""
    try:
        yield
    except http.client.IncompleteRead as error:
        connection.close()
        raise ConnectionError(f"the answer ended too early: {error}") from error
    except OSError:  # RemoteDisconnected, which is an HTTPException too, among them
        connection.close()
        raise
    except (http.client.HTTPException, ValueError) as error:
        connection.close()
        detail = f"this is no HTTP: {type(error).__name__} {str(error)[:200]}"
        raise unexpected(0, detail, request.request_id) from error
    except BaseException:
        connection.close()
        raise


def _send(connection: Connection, request: Request, deadline: float) -> http.client.HTTPResponse:
    """Sends a request, and reads the head of its answer."""
    connection.set_deadline(deadline)
    with _closing_on_error(connection, request):
        connection.putrequest(request.method, request.target, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        try:
            connection.endheaders(request.pieces() if request.length else None)
        except (BrokenPipeError, ConnectionResetError):
            # A daemon that refuses a request before its body has answered already, and reads no further.
            connection.is_spent = True
        return connection.getresponse()


def _receive(response: http.client.HTTPResponse, request: Request) -> Answer:
    """Reads the rest of an answer."""
    with contextlib.closing(response):
        return _read(response, request)


def _read(response: http.client.HTTPResponse, request: Request) -> Answer:
    most = ANSWER_LEAST + 64 * request.length  # four gradients in F64, as decimals, for each "0," sent
    body = _read_known(response, most) if response.length is not None else _read_unknown(response, most)
    headers = response.headers
    request_id = headers.get("X-Request-Id") or request.request_id
    return Answer(response.status, headers.get_content_type() if "Content-Type" in headers else "", headers,
                  memoryview(body), request_id)  # fmt: skip


def _read_known(response: http.client.HTTPResponse, most: int) -> memoryview:
    """A body of known length: straight into memory that is not cleared before."""
    length = response.length or 0
    if length > most:
        raise http.client.HTTPException(f"an answer of {length} bytes")
    body = np.empty(length, np.uint8).data
    if length and response.readinto(body) != length:
        raise ConnectionError("the connection was closed in the middle of the answer")
    return body


def _read_unknown(response: http.client.HTTPResponse, most: int) -> memoryview:
    """A body in chunks, or until the connection ends: it grows."""
    body = bytearray()
    while piece := response.read(PIECE):
        body += piece
        if len(body) > most:
            raise http.client.HTTPException(f"an answer of more than {most} bytes")
    return memoryview(body)


def _broken(cause: OSError, endpoint: Endpoint, request: Request, deadline: float) -> Error:
    """The error for an attempt without an answer."""
    if time.monotonic() >= deadline - 0.005:  # a clock may be that coarse
        detail = f"the time of the call was up ({endpoint.text})"
        return Error("timeout", 0, "The call took too long", detail, "", request.request_id)
    reason = "no connection in time" if isinstance(cause, socket.timeout) else str(cause) or type(cause).__name__
    return Error("unreachable", 0, "No answer", f"{endpoint.text}: {reason}", "", request.request_id)


def _wait(round_number: int, asked: float, deadline: float, error: Error) -> None:
    """Waits before a further round; raises the error if that would take too long."""
    jitter = random.uniform(0, min(WAIT_MOST, WAIT_FIRST * 2 ** min(round_number, 16)))
    pause = max(jitter, asked)
    if time.monotonic() + pause >= deadline:
        raise error
    time.sleep(pause)
