"""Connections: sockets with deadlines, HTTP on them, and a pool that keeps them."""

from __future__ import annotations

import collections
import http.client
import os
import socket
import ssl
import time
from typing import Any, Deque, Optional

from ._endpoint import Endpoint

IDLE_MOST = 16  # connections kept by endpoint; further ones are closed after their answer
_LONGEST = 1e6  # seconds; a socket takes no infinite timeout


def seconds_left(deadline: float) -> float:
    """The time until a deadline of time.monotonic(); socket.timeout if there is none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout("the time is up")
    return min(left, _LONGEST)


class _DeadlineSocket(socket.socket):
    """A socket whose waits end at a deadline. An ordinary timeout would begin anew with every byte that trickles in."""

    deadline = 0.0

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(seconds_left(self.deadline))
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        self.settimeout(seconds_left(self.deadline))
        super().sendall(*args, **kwargs)


class _DeadlineTlsSocket(_DeadlineSocket, ssl.SSLSocket):
    """The same with TLS."""


def tls_context(ca: Optional[str], cert: Optional[str], key: Optional[str]) -> ssl.SSLContext:
    """Whom to trust (the system's CAs, or those of a PEM file and nobody else), and what to show."""
    context = ssl.create_default_context(cafile=ca)
    context.sslsocket_class = _DeadlineTlsSocket
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context


class Connection(http.client.HTTPConnection):
    """One connection to an endpoint. `deadline` is that of the exchange it is used for."""

    sock: Optional[_DeadlineSocket]
    is_spent = False  # its request was not sent as a whole: no other can follow

    def __init__(self, endpoint: Endpoint, tls: Optional[ssl.SSLContext], connect_timeout: float) -> None:
        super().__init__(endpoint.authority)
        self._endpoint = endpoint
        self._tls = tls
        self._connect_timeout = connect_timeout

    def connect(self) -> None:
        raise AssertionError("connections are opened by open()")  # http.client would do it by itself, unbounded

    def open(self, deadline: float) -> None:
        """Connects, within the connect timeout and the deadline; OSError if that fails."""
        until = min(deadline, time.monotonic() + self._connect_timeout)
        plain = self._connect_socket(until)
        try:
            if self._endpoint.scheme != "unix":
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None and self._endpoint.scheme == "https":
                plain.settimeout(seconds_left(until))  # of the handshake
                self.sock = self._tls.wrap_socket(plain, server_hostname=self._endpoint.host)  # type: ignore[assignment]
            else:
                self.sock = _DeadlineSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        except BaseException:
            plain.close()
            raise

    def _connect_socket(self, until: float) -> socket.socket:
        if self._endpoint.scheme != "unix":
            return socket.create_connection((self._endpoint.host, self._endpoint.port), seconds_left(until))
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            plain.settimeout(seconds_left(until))
            plain.connect(self._endpoint.host)
        except BaseException:
            plain.close()
            raise
        return plain

    def set_deadline(self, deadline: float) -> None:
        """Says until when what follows may take."""
        if self.sock is not None:
            self.sock.deadline = deadline

    def is_alive(self) -> bool:
        """Whether nothing has arrived since the last answer: neither an end nor bytes that nobody asked for."""
        if self.sock is None:
            return False
        try:
            self.sock.settimeout(0)
            # Past TLS, which would take this for a read of its own.
            socket.socket.recv(self.sock, 1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            pass
        return False


class Pool:
    """The idle connections to one endpoint, the last used first. Safe from several threads, and across a fork."""

    def __init__(self, endpoint: Endpoint, tls: Optional[ssl.SSLContext], connect_timeout: float) -> None:
        self.endpoint = endpoint
        self._tls = tls
        self._connect_timeout = connect_timeout
        # Appending and popping are atomic: no lock is needed, which a forked child might find locked for ever.
        self._idle: Deque[Connection] = collections.deque()
        self._process = os.getpid()

    def take(self) -> Optional[Connection]:
        """An idle connection that seems alive, or None."""
        if self._process != os.getpid():  # the parent uses those; closing them here leaves them open there
            self.close()
            self._process = os.getpid()
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.is_alive():
                return connection
            connection.close()

    def open(self, deadline: float) -> Connection:
        """A new connection; OSError if there can be none."""
        connection = Connection(self.endpoint, self._tls, self._connect_timeout)
        connection.open(deadline)
        return connection

    def give(self, connection: Connection) -> None:
        """Takes back a connection whose answer has been read to its end."""
        usable = connection.sock is not None and not connection.is_spent
        if not usable or len(self._idle) >= IDLE_MOST or self._process != os.getpid():
            connection.close()
        else:
            self._idle.append(connection)

    def __del__(self) -> None:
        self.close()  # else Python would warn of sockets that nobody closed

    def close(self) -> None:
        """Closes the idle connections."""
        idle, self._idle = self._idle, collections.deque()
        for connection in idle:
            connection.close()
