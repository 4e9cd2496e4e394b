"""The answer of /loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Optional

import numpy.typing as npt

from . import _json, _safetensors
from ._request import JSON, SAFETENSORS, Problem
from ._tensor import Tensor
from ._transport import Answer

_BROKEN = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, eq=False)
class Term:
    """One active term of a loss.

    Attributes:
        lambda_: its weight.
        loss: its part of the loss, the weight included, rounded once.
        unweighted: its value without the weight, rounded once.
        gradients: with ``gradients="per_term"``, this term's own, by tensor; else empty.

    """

    lambda_: float
    loss: float
    unweighted: float
    gradients: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Loss:
    """What a problem gives.

    Attributes:
        loss: the total, rounded once.
        terms: the active terms, by name: ``mse``, ``in``, ``hid``, ``out``, ``fr``, ``fr_sd``, ``fr_cv``.
        gradients: those of the total, by tensor: arrays with the dtype (or `gradient_dtype`) and shape of the tensor,
            a `rnnloss.bfloat16` where the tensor was one. They are writable views into the answer's one buffer, which
            nobody else uses and which lives as long as any of them.
        unused: the tensors that no active term needed.
        warnings: what is legal but a trap: ``negative-mean-rate``, ``underflow``.
        contract: the version of the definitions.
        inputs_sha256: with ``digest=True``, the digest of the inputs; else None.
        request_id: to look the request up in the daemon's log.

    """

    loss: float
    terms: dict[str, Term]
    gradients: dict[str, npt.NDArray[Any]]
    unused: tuple[str, ...]
    warnings: tuple[str, ...]
    contract: int
    inputs_sha256: Optional[str]
    request_id: str


def read(answer: Answer, problem: Problem) -> Loss:
    """The loss of an answer; Error (`unexpected-answer`) if it is none, or has other gradients than it may have."""
    readers: Mapping[str, Callable[[Answer, Problem], Loss]] = {SAFETENSORS: _from_safetensors, JSON: _from_json}
    reader = readers.get(answer.content_type)
    if reader is None:
        raise answer.unexpected("no loss")
    try:
        return reader(answer, problem)
    except _BROKEN as error:
        raise answer.unexpected(f"the loss cannot be read ({type(error).__name__}: {error})") from error


def _gradients(found: Mapping[str, Tensor], problem: Problem) -> dict[str, Any]:
    """Gradients as their user gets them, once their shapes and dtypes are found right."""
    gradients = {}
    unknown = found.keys() - problem.tensors.keys()
    if unknown:
        raise ValueError(f"gradients of {sorted(unknown)}, which were not sent")
    for name, tensor in problem.tensors.items():
        gradient = found.get(name)
        if gradient is None:
            continue
        dtype = problem.options.get("gradient_dtype", tensor.dtype)
        if gradient.shape != tensor.shape or gradient.dtype != dtype:
            was, meant = f"{gradient.dtype} {list(gradient.shape)}", f"{dtype} {list(tensor.shape)}"
            raise ValueError(f"the gradient of {name} is {was}, not {meant}")
        gradients[name] = gradient.value(wrap=name in problem.wrapped)
    return gradients


def _from_safetensors(answer: Answer, problem: Problem) -> Loss:
    tensors, metadata = _safetensors.decode(answer.body)

    def number(name: str) -> float:
        tensor = tensors[name]
        if tensor.dtype != "F64" or tensor.shape != ():
            raise ValueError(f"{name} is {tensor.dtype} {list(tensor.shape)}")
        return float(tensor.array)

    def gradients(prefix: str) -> dict[str, Any]:
        found = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        return _gradients(found, problem)

    def names(key: str) -> tuple[str, ...]:
        return tuple(name for name in metadata.get(key, "").split(",") if name)

    terms = {}
    for parts in (name.split(".") for name in tensors):
        if len(parts) == 3 and parts[0] == "terms" and parts[2] == "loss":
            term = f"terms.{parts[1]}."
            weight = float(metadata["lambda_" + parts[1]])
            terms[parts[1]] = Term(weight, number(term + "loss"), number(term + "unweighted"),
                                   gradients(term + "gradients."))  # fmt: skip
    return Loss(number("loss"), terms, gradients("gradients."), names("unused"), names("warnings"),
                int(metadata["contract"]), metadata.get("inputs_sha256"), answer.request_id)  # fmt: skip


def _from_json(answer: Answer, problem: Problem) -> Loss:
    parsed = _json.loads(answer.body)

    def gradients(holder: Any) -> dict[str, Any]:
        found = {name: _json.decode_tensor(value) for name, value in holder.get("gradients", {}).items()}
        return _gradients(found, problem)

    terms = {}
    for name, term in parsed["terms"].items():
        weight, loss, unweighted = (_json.decode_number(term[member]) for member in ("lambda", "loss", "unweighted"))
        terms[name] = Term(weight, loss, unweighted, gradients(term))
    return Loss(_json.decode_number(parsed["loss"]), terms, gradients(parsed), tuple(parsed["unused"]),
                tuple(parsed["warnings"]), int(parsed["contract"]), parsed.get("inputs_sha256"),
                answer.request_id)  # fmt: skip
