"""Where a daemon listens."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Endpoint:
    """One address of a daemon; of `unix` the host is the socket's path."""

    text: str
    scheme: str
    host: str
    port: int = 0

    @property
    def authority(self) -> str:
        """What the Host header says."""
        if self.scheme == "unix":
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse(text: str) -> Endpoint:
    """The endpoint that `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH` means; ValueError if it is none."""
    text = text.strip()
    if text.startswith("unix:") and len(text) > len("unix:"):
        return Endpoint(text, "unix", text[len("unix:") :])
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError as error:
        raise ValueError(f"{text!r} is no endpoint: {error}") from None
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in _PORTS or not host or not bare:
        raise ValueError(f"{text!r} is no endpoint: http://HOST:PORT, https://HOST:PORT or unix:PATH is")
    return Endpoint(text, parts.scheme, host, _PORTS[parts.scheme] if port is None else port)


def parse_all(texts: str | list[str] | tuple[str, ...]) -> tuple[Endpoint, ...]:
    """The endpoints of a list, or of a string with commas."""
    pieces = texts.split(",") if isinstance(texts, str) else list(texts)
    endpoints = tuple(parse(piece) for piece in pieces if piece.strip())
    if not endpoints:
        raise ValueError("no endpoint is given")
    return endpoints
