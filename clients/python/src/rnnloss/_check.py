"""Whether a loss function of one's own is right: its value, its terms and its gradients."""

from __future__ import annotations

import sys
from typing import Any, Callable, Mapping, Optional, Union

from ._client import Client
from ._report import Report

TENSORS = {  # that the gradients of a term can be claimed of
    "mse": ("pred", "target"), "in": ("w_in",), "hid": ("w_hid",), "out": ("w_out",),
    "fr": ("fr",), "fr_sd": ("fr",), "fr_cv": ("fr",),
}  # fmt: skip
Result = Any  # of a loss function: a scalar, (scalar, gradients), or scalars by term


def check(
    fn: Callable[..., Result],
    tensors: Mapping[str, Any],
    lambdas: Mapping[str, float],
    *,
    client: Optional[Client] = None,
    tolerance: Optional[Mapping[str, Union[float, str]]] = None,
    wrt: Optional[list[str]] = None,
    quiet: bool = False,
    timeout: Optional[float] = None,
) -> Report:
    """Holds a loss function against the daemon: prints what is right, what isn't and why; gives the report.

    With tensors of PyTorch or arrays of JAX the gradients are checked, too, by autograd or `jax.grad`.

    Args:
        fn: your function, called with the tensors by name (``fn(pred=…, target=…)``). It returns the loss; or the
            loss and gradients by tensor (a tuple of both); or the terms' losses by name, weights included, as
            ``{"mse": …, "fr": …}``, with the total as ``"loss"`` if that shall be checked, too.
        tensors: what to call it with: numpy arrays, torch tensors or jax arrays.
        lambdas: the weights that your function has.
        client: by default a `Client()`.
        tolerance: as of `Client.validate`.
        wrt: the tensors to differentiate by; by default all of a floating dtype but `target`.
        quiet: whether to print nothing.
        timeout: seconds that the daemon may take.

    Returns:
        The report, which is true if all claims pass.

    Raises:
        Error: as `Client.validate`.

    """
    kind = _kind(tensors)
    if kind == "torch":
        from . import torch as own_torch

        arrays, claims = own_torch.claims(fn, tensors, wrt)
    elif kind == "jax":
        from . import jax as own_jax

        arrays, claims = own_jax.claims(fn, tensors, wrt)
    else:
        arrays, claims = dict(tensors), as_claims(fn(**tensors))
    report = (client or Client()).validate(lambdas, claims, arrays, tolerance=tolerance, timeout=timeout)
    if not quiet:
        print(report)
    return report


def as_claims(result: Result) -> dict[str, Any]:
    """What a function's result claims."""
    if isinstance(result, tuple):
        value, gradients = result
        return {"loss": value, "gradients": dict(gradients)}
    if isinstance(result, Mapping):
        terms = {name: value for name, value in result.items() if name != "loss"}
        total = {"loss": result["loss"]} if "loss" in result else {}
        return {**total, "terms": terms} if terms else total
    return {"loss": result}


def _kind(tensors: Mapping[str, Any]) -> str:
    """Whose tensors they are. Who has some has imported their package."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    for value in tensors.values():
        if torch is not None and isinstance(value, torch.Tensor):
            return "torch"
        if jax is not None and isinstance(value, jax.Array):
            return "jax"
    return "numpy"
