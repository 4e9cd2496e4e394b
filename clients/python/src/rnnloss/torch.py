"""The losses as a criterion of PyTorch: `loss = criterion(pred=…, target=…, fr=…); loss.backward()`."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Sequence

import numpy as np

try:
    import torch
except ImportError as error:
    raise ImportError("rnnloss.torch needs PyTorch: pip install torch, or Debian's python3-torch") from error

from ._check import TENSORS, as_claims
from ._client import Client
from ._loss import Loss, Term
from ._tensor import bfloat16

__all__ = ["RNNLoss"]


class RNNLoss(torch.nn.Module):
    """A loss that the daemon computes: the sum of the terms whose weights are above 0.

    Called with tensors by name it gives the loss, a float64 scalar on the device of the first tensor: the real value,
    rounded once. (Beside losses of another dtype it is as any scalar: their sum is a float64 scalar, too.)

    `backward` gives gradients of each tensor's own dtype and device, multiplied by the upstream gradient. The daemon
    computes them together with the loss, and only those that autograd will ask for; without any, as under
    `torch.no_grad()`, none. With a tensor of float16, gradients travel as float32 (float64 if there is a float64
    tensor) and become float16 once they are multiplied: what a GradScaler scales has then not underflowed before.

    Tensors may be on any device: others than the CPU's are copied there and their gradients back. Non-contiguous ones
    are made contiguous. (Apple's MPS devices, which have no float64, are not supported.) Differentiating twice raises
    RuntimeError.

    Args:
        client: by default a `Client()`.
        lambda_mse, lambda_in, lambda_hid, lambda_out, lambda_fr, lambda_fr_sd, lambda_fr_cv: the weights.
        nonfinite: ``"error"`` (the daemon's default), or ``"propagate"``, as a loss that becomes NaN without an error.

    Attributes:
        lambdas: the weights by name, which may be changed between calls.
        last: the last answer (`rnnloss.Loss`); without its gradients, for the sake of memory. Like a module's other
            state it is not meant to be shared by threads.
        terms: the last answer's terms: ``criterion.terms["fr"].loss``, ``.unweighted``.

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
        super().__init__()
        self.client = Client() if client is None else client
        self.lambdas = dict(
            lambda_mse=lambda_mse, lambda_in=lambda_in, lambda_hid=lambda_hid, lambda_out=lambda_out,
            lambda_fr=lambda_fr, lambda_fr_sd=lambda_fr_sd, lambda_fr_cv=lambda_fr_cv,
        )  # fmt: skip
        self.nonfinite = nonfinite
        self.last: Optional[Loss] = None

    @property
    def terms(self) -> dict[str, Term]:
        """The terms of the last answer; none before the first."""
        return {} if self.last is None else self.last.terms

    def forward(
        self,
        *,
        pred: Optional[torch.Tensor] = None,
        target: Optional[torch.Tensor] = None,
        fr: Optional[torch.Tensor] = None,
        w_in: Optional[torch.Tensor] = None,
        w_hid: Optional[torch.Tensor] = None,
        w_out: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """The loss; the shapes are those of `Client.loss`. Raises `rnnloss.Error`."""
        given = dict(pred=pred, target=target, fr=fr, w_in=w_in, w_hid=w_hid, w_out=w_out)
        tensors = {name: value for name, value in given.items() if value is not None}
        recorded = torch.is_grad_enabled()
        wrt = [name for name, value in tensors.items() if recorded and value.requires_grad]
        loss: torch.Tensor = _Loss.apply(self._ask, tuple(tensors), wrt, *tensors.values())
        return loss

    def extra_repr(self) -> str:
        """What `print(criterion)` shows."""
        weights = (f"{name}={value}" for name, value in self.lambdas.items() if value)
        return ", ".join([*weights, repr(self.client)])

    def _ask(self, tensors: Mapping[str, torch.Tensor], wrt: Sequence[str]) -> Loss:
        weights = {name: value for name, value in self.lambdas.items() if value != 0}
        options: dict[str, Any] = {"gradients": "none"}
        if wrt:
            options = {"wrt": wrt, "gradient_dtype": _gradient_dtype([tensors[name] for name in wrt])}
        arrays = {name: _array(value) for name, value in tensors.items()}
        answer = self.client.loss(weights, arrays, nonfinite=self.nonfinite, **options)
        self.last = Loss(answer.loss, answer.terms, {}, answer.unused, answer.warnings, answer.contract,
                         answer.inputs_sha256, answer.request_id)  # fmt: skip
        return answer


class _Loss(torch.autograd.Function):
    """Asks for loss and gradients at once, and keeps the gradients for backward."""

    @staticmethod
    def forward(ctx: Any, ask: Callable[..., Loss], names: Sequence[str], wrt: Sequence[str], *tensors: Any) -> Any:
        given = dict(zip(names, tensors))
        answer = ask(given, wrt)
        ctx.of = [wrt.index(name) if name in wrt else None for name in names]
        ctx.dtypes = [tensor.dtype for tensor in tensors]
        ctx.save_for_backward(*(_tensor(answer.gradients[name]).to(given[name].device) for name in wrt))
        device = tensors[0].device if tensors else "cpu"
        return torch.tensor(answer.loss, dtype=torch.float64, device=device)

    @staticmethod
    def backward(ctx: Any, upstream: Any) -> Any:
        with torch.no_grad():
            # New tensors: autograd may write into what it gets.
            scaled = [gradient * upstream.to(gradient.device) for gradient in ctx.saved_tensors]
        results: list[Any] = []
        for place, dtype in zip(ctx.of, ctx.dtypes):
            results.append(None if place is None else _once(scaled[place].to(dtype)))
        return (None, None, None, *results)


def _once(gradient: torch.Tensor) -> torch.Tensor:
    """A gradient that can't be differentiated without an error; autograd would take it for a constant."""
    if not torch.is_grad_enabled():  # without create_graph nobody can try
        return gradient
    return _Once.apply(gradient.requires_grad_())


class _Once(torch.autograd.Function):
    """What has a gradient only by name."""

    @staticmethod
    def forward(ctx: Any, gradient: Any) -> Any:
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, upstream: Any) -> Any:
        raise RuntimeError("the gradients of RNNLoss cannot be differentiated: the daemon computes first ones only")


def _gradient_dtype(tensors: Sequence[torch.Tensor]) -> Optional[str]:
    """In which dtype gradients travel."""
    dtypes = {tensor.dtype for tensor in tensors}
    if torch.float16 not in dtypes:
        return None
    return "F64" if torch.float64 in dtypes else "F32"


def _array(value: torch.Tensor) -> Any:
    """A tensor's memory as an array, copied only if it lies elsewhere or isn't contiguous."""
    local = value.detach().cpu().contiguous()
    if local.dtype == torch.bfloat16:
        return bfloat16(local.view(torch.int16).numpy().view(np.uint16))
    return local.numpy()


def _tensor(value: Any) -> torch.Tensor:
    """An array as a tensor, not copied."""
    if isinstance(value, bfloat16):
        return torch.from_numpy(value.bits.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(value)


def claims(
    fn: Callable[..., Any], tensors: Mapping[str, Any], wrt: Optional[Sequence[str]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """For `rnnloss.check`: the arrays, and what a function of torch tensors claims, its gradients by autograd."""
    tensors = {name: torch.as_tensor(value) for name, value in tensors.items()}
    if wrt is None:
        wrt = [name for name, value in tensors.items() if value.is_floating_point() and name != "target"]
    leaves = {name: value.detach().clone().requires_grad_(name in wrt) for name, value in tensors.items()}
    found = as_claims(fn(**leaves))
    sources = {name: leaves[name] for name in wrt}
    if "loss" in found and "gradients" not in found:
        found["gradients"] = _autograd(found["loss"], sources)
    for name, value in found.get("terms", {}).items():
        own = {tensor: leaf for tensor, leaf in sources.items() if tensor in TENSORS.get(name, ())}
        found["terms"][name] = {"loss": value, "gradients": _autograd(value, own)}
    return {name: _array(value) for name, value in tensors.items()}, _arrays(found)


def _autograd(value: Any, sources: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The gradients of one value; none if it was made without autograd."""
    if not isinstance(value, torch.Tensor) or not value.requires_grad or not sources:
        return {}
    found = torch.autograd.grad(value, list(sources.values()), retain_graph=True, allow_unused=True)
    return {
        name: torch.zeros_like(source) if gradient is None else gradient
        for (name, source), gradient in zip(sources.items(), found)
    }


def _arrays(value: Any) -> Any:
    """The same claims with arrays for tensors."""
    if isinstance(value, Mapping):
        return {name: _arrays(member) for name, member in value.items()}
    return _array(value) if isinstance(value, torch.Tensor) else value
