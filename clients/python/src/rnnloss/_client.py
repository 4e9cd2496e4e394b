"""The client."""

from __future__ import annotations

import concurrent.futures
import os
import time
import urllib.parse
import uuid
from typing import Any, Mapping, Optional, Sequence, Union

import numpy.typing as npt

from . import _loss, _report
from ._connection import Pool
from ._endpoint import parse_all
from ._errors import Error
from ._request import MEDIA_TYPES, Option, problem
from ._tensor import bfloat16
from ._transport import VERSION, Answer, Buffer, Request, Settings, Transport, check_sendable

Tensor = Union[npt.ArrayLike, bfloat16]
DEFAULT = "http://127.0.0.1:8080"


class Client:
    """Calls a rnnlossd. One client is enough for all threads of a process, and goes on working in a forked child.

    Every call raises `rnnloss.Error`, and nothing else once its arguments can be sent (TypeError and ValueError say
    that they can't). A request has no side effects: it is tried again when the connection can't be opened or breaks,
    and after 429 and 503. Every call takes `timeout`, the seconds that this call may take as a whole, and
    `request_id`, its ``X-Request-Id``, the same at each attempt; by default a new one.

    Args:
        endpoints: ``http://HOST:PORT``, ``https://HOST:PORT`` or ``unix:PATH``; several in a list, or with commas. By
            default the environment's `RNNLOSS_URL`, or ``http://127.0.0.1:8080``. Calls begin with the one that
            answered last, and go on to the next when it doesn't.
        token: sent as ``Authorization: Bearer``; by default `RNNLOSS_TOKEN`, and none if that is missing or empty.
        ca: a PEM file of the CAs to trust, instead of the system's.
        cert, key: PEM files of the certificate to show to a daemon that asks, and of its key.
        timeout: seconds that a call may take as a whole, its retries and waits included.
        connect_timeout: seconds that opening one connection may take, the TLS handshake included.
        retries: how often a call is tried again after its first attempt.

    """

    def __init__(
        self,
        endpoints: Union[str, Sequence[str], None] = None,
        *,
        token: Optional[str] = None,
        ca: Union[str, os.PathLike[str], None] = None,
        cert: Union[str, os.PathLike[str], None] = None,
        key: Union[str, os.PathLike[str], None] = None,
        timeout: float = 60.0,
        connect_timeout: float = 5.0,
        retries: int = 3,
    ) -> None:
        if endpoints is None:
            endpoints = os.environ.get("RNNLOSS_URL") or DEFAULT
        if token is None:
            token = os.environ.get("RNNLOSS_TOKEN", "")
        check_sendable(token.strip())
        trusted, shown, secret = (None if path is None else os.fspath(path) for path in (ca, cert, key))
        given = parse_all(endpoints if isinstance(endpoints, str) else tuple(endpoints))
        self._start(Settings(given, token.strip() or None, trusted, shown, secret, timeout, connect_timeout, retries))

    def _start(self, settings: Settings) -> None:
        self._settings = settings
        self._transport = Transport(settings)

    def __getstate__(self) -> Settings:
        # Connections stay behind; a copy of a model, or a worker process, opens its own.
        return self._settings

    def __setstate__(self, settings: Settings) -> None:
        self._start(settings)

    def __repr__(self) -> str:
        return f"rnnloss.Client({', '.join(endpoint.text for endpoint in self._settings.endpoints)})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the idle connections. The client can still be used, and then opens new ones."""
        self._transport.close()

    def loss(
        self,
        lambdas: Mapping[str, float],
        tensors: Optional[Mapping[str, Tensor]] = None,
        *,
        pred: Optional[Tensor] = None,
        target: Optional[Tensor] = None,
        fr: Optional[Tensor] = None,
        w_in: Optional[Tensor] = None,
        w_hid: Optional[Tensor] = None,
        w_out: Optional[Tensor] = None,
        gradients: Optional[str] = None,
        wrt: Optional[Sequence[str]] = None,
        gradient_dtype: Optional[str] = None,
        nonfinite: Optional[str] = None,
        contract: Optional[int] = None,
        digest: Optional[bool] = None,
        encoding: str = "safetensors",
        timeout: Optional[float] = None,
        request_id: Optional[str] = None,
    ) -> _loss.Loss:
        """The loss of a problem, by term, and its gradients.

        Arrays of float16, bfloat16 (of `ml_dtypes`, or as `rnnloss.bfloat16`), float32 and float64, in any mixture;
        numbers and nested lists are float64. Arrays that are contiguous and little-endian are sent from where they
        lie, others are copied once. They are only read, and only until the call returns.

        Args:
            lambdas: weights by name: ``lambda_mse``, ``lambda_in``, ``lambda_hid``, ``lambda_out``, ``lambda_fr``,
                ``lambda_fr_sd``, ``lambda_fr_cv``; a missing one is 0, and its term isn't computed.
            tensors: the tensors by name, instead of the six arguments that follow, or beside them.
            pred: […, N_out]; all axes but the last are averaged over.
            target: the same shape.
            fr: firing rates, after the activation, […, N_hid].
            w_in: [N_hid, N_in] or [N_in, N_hid].
            w_hid: [N_hid, N_hid].
            w_out: [N_out, N_hid] or [N_hid, N_out].
            gradients: ``"total"`` (the daemon's default), ``"per_term"`` or ``"none"``.
            wrt: names of the tensors to differentiate; by default all that an active term uses, but `target`.
            gradient_dtype: ``"F32"`` or ``"F64"``; by default each gradient has its tensor's dtype.
            nonfinite: ``"error"`` (the daemon's default) or ``"propagate"``.
            contract: refuse to be answered by another version of the definitions.
            digest: whether the answer shall name the digest of the inputs.
            encoding: ``"safetensors"``, or ``"json"``, which copies everything, and is as exact.
            timeout: seconds, instead of the client's.
            request_id: instead of a new one.

        Raises:
            Error: whatever went wrong, with the daemon's `type` and, where one is to blame, the `pointer` to a member.
            TypeError: a dtype that has no name on the wire.
            ValueError: ragged lists, or an encoding that isn't there.

        """
        named = dict(pred=pred, target=target, fr=fr, w_in=w_in, w_hid=w_hid, w_out=w_out)
        options: dict[str, Optional[Option]] = dict(
            gradients=gradients, wrt=wrt, gradient_dtype=gradient_dtype, nonfinite=nonfinite, contract=contract,
            digest=digest,
        )  # fmt: skip
        asked = problem(lambdas, _together(tensors, named), options)
        body, media_type = asked.encode(encoding)
        answer = self._call("POST", "/loss", body, media_type, media_type, timeout, request_id)
        return _loss.read(answer, asked)

    def validate(
        self,
        lambdas: Mapping[str, float],
        claims: Mapping[str, Any],
        tensors: Optional[Mapping[str, Tensor]] = None,
        *,
        pred: Optional[Tensor] = None,
        target: Optional[Tensor] = None,
        fr: Optional[Tensor] = None,
        w_in: Optional[Tensor] = None,
        w_hid: Optional[Tensor] = None,
        w_out: Optional[Tensor] = None,
        tolerance: Optional[Mapping[str, Union[float, str]]] = None,
        gradient_dtype: Optional[str] = None,
        nonfinite: Optional[str] = None,
        contract: Optional[int] = None,
        encoding: str = "safetensors",
        timeout: Optional[float] = None,
        request_id: Optional[str] = None,
    ) -> _report.Report:
        """Whether numbers that another implementation got are right and, if not, what it computed instead.

        Args:
            lambdas: as of `loss`, and so are the tensors.
            claims: any of ``loss``, ``terms`` (by name a number, which is the term's loss, or a mapping of ``loss``,
                ``unweighted`` and ``gradients``) and ``gradients`` (by tensor), as
                ``{"terms": {"fr": 0.05}, "gradients": {"fr": array}}``. The dtype of a claim is its array's; a Python
                float is float64.
            tensors: the tensors by name, instead of the six arguments that follow, or beside them.
            pred: as of `loss`.
            target: as of `loss`.
            fr: as of `loss`.
            w_in: as of `loss`.
            w_hid: as of `loss`.
            w_out: as of `loss`.
            tolerance: ``{"rtol": …, "atol": …}`` or ``{"ulps": …}``, and ``dtype``: ``"F32"``, … By default that of
                `torch.testing.assert_close` for the coarsest dtype involved.
            gradient_dtype: of the right gradients.
            nonfinite: as of `loss`.
            contract: as of `loss`.
            encoding: as of `loss`.
            timeout: seconds, instead of the client's.
            request_id: instead of a new one.

        Raises:
            Error: as `loss`; ``invalid-claim`` if a claim can't be judged.

        """
        named = dict(pred=pred, target=target, fr=fr, w_in=w_in, w_hid=w_hid, w_out=w_out)
        options = dict(gradient_dtype=gradient_dtype, nonfinite=nonfinite, contract=contract)
        asked = problem(lambdas, _together(tensors, named), options, claims, tolerance)
        body, media_type = asked.encode(encoding)
        answer = self._call("POST", "/validate", body, media_type, MEDIA_TYPES["json"], timeout, request_id)
        return _report.read(answer)

    def validate_text(
        self,
        lambdas: Mapping[str, float],
        claims: Mapping[str, Any],
        tensors: Mapping[str, Tensor],
        *,
        tolerance: Optional[Mapping[str, Union[float, str]]] = None,
        nonfinite: Optional[str] = None,
        timeout: Optional[float] = None,
        request_id: Optional[str] = None,
    ) -> str:
        """The report of `validate` as the daemon writes it for people. `str(report)` is a shorter one."""
        asked = problem(lambdas, tensors, {"nonfinite": nonfinite}, claims, tolerance)
        body, media_type = asked.encode("safetensors")
        answer = self._call("POST", "/validate", body, media_type, "text/plain", timeout, request_id)
        if answer.content_type != "text/plain":
            raise answer.unexpected("text was expected")
        return bytes(answer.body).decode("utf-8", "replace")

    def terms(self, *, timeout: Optional[float] = None, request_id: Optional[str] = None) -> dict[str, Any]:
        """The catalogue of terms, as parsed JSON: names, weights, tensors, formulas in LaTeX and MathML."""
        return self._get("/terms", timeout, request_id)

    def vectors(self, *, timeout: Optional[float] = None, request_id: Optional[str] = None) -> dict[str, Any]:
        """The list of the conformance vectors, as parsed JSON."""
        return self._get("/vectors", timeout, request_id)

    def vector(self, name: str, *, timeout: Optional[float] = None, request_id: Optional[str] = None) -> dict[str, Any]:
        """One conformance vector, as parsed JSON."""
        return self._get("/vectors/" + urllib.parse.quote(name, safe=""), timeout, request_id)

    def version(self, *, timeout: Optional[float] = None, request_id: Optional[str] = None) -> dict[str, Any]:
        """Version, contract, kernel and limits of the daemon, as parsed JSON."""
        return self._get("/version", timeout, request_id)

    def health(self, *, timeout: Optional[float] = None) -> dict[str, str]:
        """By endpoint ``ready``, ``draining``, ``not-ready`` or ``unreachable``. Asks each once; raises nothing."""
        within = self._settings.timeout if timeout is None else timeout
        pools = self._transport.pools
        with concurrent.futures.ThreadPoolExecutor(min(8, len(pools))) as executor:
            states = list(executor.map(lambda pool: self._state(pool, time.monotonic() + within), pools))
        return {pool.endpoint.text: state for pool, state in zip(pools, states)}

    def request(
        self,
        method: str,
        target: str,
        body: Union[Buffer, Sequence[Buffer]] = b"",
        *,
        content_type: Optional[str] = None,
        accept: Optional[str] = None,
        timeout: Optional[float] = None,
        request_id: Optional[str] = None,
    ) -> Answer:
        """Sends bytes as they are, by the client's connections, retries and errors; gives the answer's bytes.

        Args:
            method: ``GET`` or ``POST``.
            target: path and query, as ``/loss?lambda_mse=1``.
            body: bytes, a contiguous memoryview, or a sequence of those; none is copied.
            content_type: of the body, as ``application/json``.
            accept: the encoding that is wanted.
            timeout: seconds, instead of the client's.
            request_id: instead of a new one.

        """
        buffers = [body] if isinstance(body, (bytes, bytearray, memoryview)) else body
        pieces = [memoryview(buffer).cast("B") for buffer in buffers]
        return self._call(method, target, pieces, content_type, accept, timeout, request_id)

    def _get(self, target: str, timeout: Optional[float], request_id: Optional[str]) -> dict[str, Any]:
        answer = self._call("GET", target, (), None, MEDIA_TYPES["json"], timeout, request_id)
        parsed = answer.json()
        if not isinstance(parsed, dict):
            raise answer.unexpected("a JSON object was expected")
        return parsed

    def _call(
        self,
        method: str,
        target: str,
        body: Sequence[Buffer],
        content_type: Optional[str],
        accept: Optional[str],
        timeout: Optional[float],
        request_id: Optional[str],
    ) -> Answer:
        request = self._request(method, target, body, content_type, accept, request_id)
        return self._transport.call(request, self._settings.timeout if timeout is None else timeout)

    def _request(
        self,
        method: str,
        target: str,
        body: Sequence[Buffer] = (),
        content_type: Optional[str] = None,
        accept: Optional[str] = None,
        request_id: Optional[str] = None,
    ) -> Request:
        request_id = request_id or uuid.uuid4().hex
        headers = {"User-Agent": f"rnnloss-python/{VERSION}", "X-Request-Id": request_id}
        if self._settings.token:
            headers["Authorization"] = f"Bearer {self._settings.token}"
        if accept:
            headers["Accept"] = accept
        if content_type:
            headers["Content-Type"] = content_type
        if method != "GET":
            headers["Content-Length"] = str(sum(len(piece) for piece in body))
        return Request(method, target, headers, tuple(body), request_id)

    def _state(self, pool: Pool, deadline: float) -> str:
        """What one endpoint says of itself."""
        try:
            answer = self._transport.attempt(pool, self._request("GET", "/readyz"), deadline)
            if answer.status == 200 and isinstance(answer.json(), dict):
                return "ready"
            kind = answer.problem().type
        except (OSError, Error):
            return "unreachable"
        return {"draining": "draining", "unexpected-answer": "unreachable"}.get(kind, "not-ready")


def _together(tensors: Optional[Mapping[str, Tensor]], named: Mapping[str, Optional[Tensor]]) -> dict[str, Any]:
    """The tensors of both ways to give them; ValueError if one is given by both."""
    given = {name: value for name, value in named.items() if value is not None}
    twice = given.keys() & (tensors or {}).keys()
    if twice:
        raise ValueError(f"given twice: {', '.join(sorted(twice))}")
    return {**(tensors or {}), **given}
