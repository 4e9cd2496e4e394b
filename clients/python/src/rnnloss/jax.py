"""The losses as a function of JAX, for `jax.grad` and `jax.jit`."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Mapping, Optional, Sequence

import numpy as np

try:
    import jax
    import jax.numpy as jnp
    from jax.custom_derivatives import SymbolicZero
except ImportError as error:
    raise ImportError("rnnloss.jax needs JAX 0.4.20 or later: pip install jax") from error

from ._check import TENSORS, as_claims
from ._client import Client

__all__ = ["RNNLoss"]

# Under vmap the daemon is asked once for each element of the batch. Older versions of JAX do so by themselves.
_SEQUENTIAL = {"vmap_method": "sequential"} if "vmap_method" in inspect.signature(jax.pure_callback).parameters else {}


class RNNLoss:
    """A loss that the daemon computes: the sum of the terms whose weights are above 0.

    Called with arrays by name it gives the loss, a scalar: of float64 if `jax_enable_x64` is set, else of float32,
    which is then the daemon's value rounded once more. It works under `jax.jit`, `jax.grad` and `jax.value_and_grad`;
    under `jax.vmap` with one request for each element, one after the other. Differentiating twice, and forward mode
    (`jax.jvp`), raise TypeError or ValueError.

    Only those gradients are asked for that JAX will use; they have each array's dtype. Each call is a host callback,
    so that arrays of accelerators are copied to the host and back. What the daemon refuses is a `rnnloss.Error` in the
    text of what JAX raises (under `jit`, `XlaRuntimeError`).

    Args:
        client: by default a `Client()`.
        lambda_mse, lambda_in, lambda_hid, lambda_out, lambda_fr, lambda_fr_sd, lambda_fr_cv: the weights, Python
            numbers: they are constants of what `jit` compiles.
        nonfinite: ``"error"`` (the daemon's default) or ``"propagate"``.

    """

    def __init__(
        self,
        client: Optional[Client] = None,
        *,
        lambda_mse: float = 0.0,
        lambda_in: float = 0.0,
        lambda_hid: float = 0.0,
        lambda_out: float = 0.0,
        lambda_fr: float = 0.0,
        lambda_fr_sd: float = 0.0,
        lambda_fr_cv: float = 0.0,
        nonfinite: Optional[str] = None,
    ) -> None:
        weights = dict(
            lambda_mse=lambda_mse, lambda_in=lambda_in, lambda_hid=lambda_hid, lambda_out=lambda_out,
            lambda_fr=lambda_fr, lambda_fr_sd=lambda_fr_sd, lambda_fr_cv=lambda_fr_cv,
        )  # fmt: skip
        self._client = Client() if client is None else client
        self._lambdas = {name: float(value) for name, value in weights.items() if value != 0}
        self._nonfinite = nonfinite
        self._loss = jax.custom_vjp(self._primal)
        self._loss.defvjp(self._forward, self._backward, symbolic_zeros=True)

    def __call__(
        self,
        *,
        pred: Optional[jax.Array] = None,
        target: Optional[jax.Array] = None,
        fr: Optional[jax.Array] = None,
        w_in: Optional[jax.Array] = None,
        w_hid: Optional[jax.Array] = None,
        w_out: Optional[jax.Array] = None,
    ) -> jax.Array:
        """The loss; the shapes are those of `Client.loss`."""
        loss, _ = self.loss_and_terms(pred=pred, target=target, fr=fr, w_in=w_in, w_hid=w_hid, w_out=w_out)
        return loss

    def loss_and_terms(self, **tensors: Optional[jax.Array]) -> tuple[jax.Array, dict[str, jax.Array]]:
        """The loss, and the loss of each active term by name, for `jax.value_and_grad(…, has_aux=True)`.

        The terms are constants to JAX: differentiate the loss.
        """
        given = {name: jnp.asarray(value) for name, value in tensors.items() if value is not None}
        loss, terms = self._loss(given)
        return jnp.asarray(loss), jax.lax.stop_gradient(terms)

    def _primal(self, tensors: dict[str, jax.Array]) -> tuple[jax.Array, dict[str, jax.Array]]:
        values, _ = self._ask(tensors, ())
        return values

    def _forward(self, tensors: dict[str, Any]) -> tuple[Any, Any]:
        wrt = tuple(name for name, value in tensors.items() if value.perturbed)
        arrays = {name: value.value for name, value in tensors.items()}
        values, gradients = self._ask(arrays, wrt)
        return values, {name: gradients.get(name) for name in arrays}

    def _backward(self, gradients: dict[str, Optional[jax.Array]], upstream: Any) -> tuple[dict[str, Any]]:
        factor = upstream[0]
        if isinstance(factor, SymbolicZero):  # the loss was not used
            return (dict.fromkeys(gradients),)
        return ({name: None if g is None else (g * factor).astype(g.dtype) for name, g in gradients.items()},)

    def _ask(self, tensors: dict[str, jax.Array], wrt: Sequence[str]) -> tuple[Any, dict[str, jax.Array]]:
        """What the daemon says of traced arrays: the loss and the terms; the gradients."""
        scalar = jax.ShapeDtypeStruct((), jnp.result_type(float))
        terms = {name[len("lambda_") :]: scalar for name in self._lambdas}
        gradients = {name: jax.ShapeDtypeStruct(tensors[name].shape, tensors[name].dtype) for name in wrt}

        def callback(arrays: Mapping[str, Any]) -> Any:
            options: dict[str, Any] = {"wrt": wrt} if wrt else {"gradients": "none"}
            local = {name: np.asarray(value) for name, value in arrays.items()}
            answer = self._client.loss(self._lambdas, local, nonfinite=self._nonfinite, **options)
            values = {name: np.asarray(answer.terms[name].loss, scalar.dtype) for name in terms}
            return (np.asarray(answer.loss, scalar.dtype), values), dict(answer.gradients)

        found: tuple[Any, dict[str, jax.Array]] = jax.pure_callback(
            callback, ((scalar, terms), gradients), tensors, **_SEQUENTIAL
        )
        return found


def claims(
    fn: Callable[..., Any], tensors: Mapping[str, Any], wrt: Optional[Sequence[str]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """For `rnnloss.check`: the arrays, and what a function of jax arrays claims, its gradients by `jax.grad`."""
    arrays = {name: jnp.asarray(value) for name, value in tensors.items()}
    if wrt is None:
        wrt = [name for name, value in arrays.items() if jnp.issubdtype(value.dtype, jnp.floating) and name != "target"]
    found = as_claims(fn(**arrays))
    sources = {name: arrays[name] for name in wrt}

    def gradients(path: Sequence[str], sources: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        def value(sources: Mapping[str, jax.Array]) -> jax.Array:
            part = as_claims(fn(**{**arrays, **sources}))
            for name in path:
                part = part[name]
            return jnp.asarray(part)

        return dict(jax.grad(value)(sources))

    if "loss" in found and "gradients" not in found:
        found["gradients"] = gradients(["loss"], sources)
    for name, value in found.get("terms", {}).items():
        own = {tensor: array for tensor, array in sources.items() if tensor in TENSORS.get(name, ())}
        found["terms"][name] = {"loss": value, "gradients": gradients(["terms", name], own)}
    return {name: np.asarray(value) for name, value in arrays.items()}, found
