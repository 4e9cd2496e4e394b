"""What is asked of /loss and /validate, as bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping, Optional, Sequence, Tuple, Union

from . import _json, _safetensors
from ._tensor import Tensor, tensor

SAFETENSORS, JSON = "application/vnd.safetensors", "application/json"
MEDIA_TYPES = {"safetensors": SAFETENSORS, "json": JSON}
Option = Union[str, int, Sequence[str]]
Pieces = Sequence[Union[bytes, memoryview]]


@dataclass(frozen=True)
class Problem:
    """Weights, tensors and options; of /validate, claims and tolerance too. Absent options are left to the daemon."""

    lambdas: Mapping[str, float]
    tensors: Mapping[str, Tensor]
    options: Mapping[str, Option]
    claims: Optional[Mapping[str, Any]] = None
    tolerance: Optional[Mapping[str, Union[float, str]]] = None
    wrapped: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        names = frozenset(name for name, value in self.tensors.items() if value.wrapped)
        object.__setattr__(self, "wrapped", names)

    def encode(self, encoding: str) -> Tuple[Pieces, str]:
        """The request in `safetensors` or `json`, and its media type."""
        if encoding not in MEDIA_TYPES:
            raise ValueError(f"encoding {encoding!r}; there are: {', '.join(MEDIA_TYPES)}")
        return (self._json() if encoding == "json" else self._safetensors()), MEDIA_TYPES[encoding]

    def _safetensors(self) -> Pieces:
        metadata = {name: _json.number(value).strip('"') for name, value in self.lambdas.items()}
        for name, value in self.options.items():
            metadata[name] = ",".join(value) if isinstance(value, (list, tuple)) else str(value)
        for name, bound in (self.tolerance or {}).items():
            text = bound if isinstance(bound, str) else _json.number(bound).strip('"')
            metadata["tolerance_dtype" if name == "dtype" else name] = text
        claims = {"claims." + path: value for path, value in _flat(self.claims or {}, ())}
        return _safetensors.encode({**self.tensors, **claims}, metadata)

    def _json(self) -> Pieces:
        weights = ((name, _json.number(value)) for name, value in self.lambdas.items())
        members = [("lambdas", _object(weights))]
        # `digest` must come before the tensors, and it does no harm to the others.
        for name, value in self.options.items():
            members.append((name, json.dumps(list(value) if isinstance(value, tuple) else value)))
        members.append(("tensors", _object((name, _json.encode_tensor(value)) for name, value in self.tensors.items())))
        if self.claims is not None:
            members.append(("claims", _nested(self.claims)))
        if self.tolerance is not None:
            bounds = self.tolerance.items()
            members.append(("tolerance", _object((n, json.dumps(v) if isinstance(v, str) else _json.number(v))
                                                 for n, v in bounds)))  # fmt: skip
        return [_object(members).encode()]


def problem(
    lambdas: Mapping[str, float],
    tensors: Mapping[str, Any],
    options: Mapping[str, Optional[Option]],
    claims: Optional[Mapping[str, Any]] = None,
    tolerance: Optional[Mapping[str, Union[float, str]]] = None,
) -> Problem:
    """A problem of what a user gave; None stands for what was not given."""
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(given.get("wrt"), str):
        given["wrt"] = str(given["wrt"]).split(",")
    if given.get("digest") is not None:
        given["digest"] = int(bool(given["digest"]))
    arrays = {name: tensor(value) for name, value in tensors.items() if value is not None}
    return Problem(lambdas, arrays, given, claims, tolerance)


def _flat(claims: Mapping[str, Any], path: Tuple[str, ...]) -> Iterator[Tuple[str, Tensor]]:
    """Claims by their dotted paths: a number for a term claims its loss."""
    for name, value in claims.items():
        here = (*path, name)
        if isinstance(value, Mapping):
            yield from _flat(value, here)
        else:
            yield ".".join((*here, "loss") if path == ("terms",) else here), tensor(value)


def _nested(value: Any) -> str:
    """Claims in JSON."""
    if isinstance(value, Mapping):
        return _object((name, _nested(member)) for name, member in value.items())
    claim = tensor(value)
    return _json.encode_tensor(claim) if claim.shape else _json.number(_scalar(claim))


def _scalar(claim: Tensor) -> float:
    value = claim.value(wrap=True)
    return float(value.float32() if claim.dtype == "BF16" else value)


def _object(members: Any) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in members) + "}"
