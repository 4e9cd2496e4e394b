"""Trains a small rate network to integrate its input, once with losses from a rnnlossd and once with PyTorch's.

    python3 train_integrator.py [--steps 300] [--plot train_integrator.svg]

Both runs begin with the same weights and see the same trials. Their curves lie on each other: what differs is only how
sums are rounded, and the service rounds once.
"""

from __future__ import annotations

import argparse
from typing import Callable, Dict, List, NamedTuple

import torch

import rnnloss
import rnnloss.torch

WEIGHTS = {"lambda_mse": 1.0, "lambda_hid": 0.01, "lambda_fr": 0.02, "lambda_fr_sd": 0.05}
BATCH, TIME, NEURONS = 32, 40, 32
Losses = Callable[..., Dict[str, torch.Tensor]]


class RateNetwork(torch.nn.Module):
    """x(t+1) = (1 - a) x(t) + a (W r(t) + W_in u(t)), with rates r = relu(x)."""

    def __init__(self, neurons: int = NEURONS, inputs: int = 1, outputs: int = 1, rate: float = 0.2) -> None:
        super().__init__()
        self.w_in = torch.nn.Parameter(torch.randn(neurons, inputs) * 0.5)
        self.w_hid = torch.nn.Parameter(torch.randn(neurons, neurons) / neurons**0.5)
        self.w_out = torch.nn.Parameter(torch.randn(outputs, neurons) / neurons**0.5)
        self.rate = rate

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs [B,T,N_out] and firing rates [B,T,N_hid] for inputs [B,T,N_in]."""
        state = inputs.new_zeros(inputs.shape[0], len(self.w_hid))
        rates = []
        for step in inputs.unbind(dim=1):
            drive = torch.relu(state) @ self.w_hid.T + step @ self.w_in.T
            state = (1 - self.rate) * state + self.rate * drive
            rates.append(torch.relu(state))
        fr = torch.stack(rates, dim=1)
        return fr @ self.w_out.T, fr


class Curve(NamedTuple):
    """The losses of a run, step by step: the total, and the mean squared error alone."""

    loss: List[float]
    mse: List[float]


def trials(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Pulses [B,T,1], and their running sums, which the network shall answer with."""
    pulses = torch.randn(BATCH, TIME, 1, generator=generator)
    pulses *= torch.rand(BATCH, TIME, 1, generator=generator) < 0.1
    return pulses, pulses.cumsum(dim=1)


def of_the_service(client: rnnloss.Client) -> Losses:
    """The losses by term, computed by the daemon."""
    criterion = rnnloss.torch.RNNLoss(client, **WEIGHTS)

    def losses(**tensors: torch.Tensor) -> Dict[str, torch.Tensor]:
        total = criterion(**tensors)
        return {"loss": total, "mse": torch.tensor(criterion.terms["mse"].loss)}

    return losses


def of_this_process(
    pred: torch.Tensor, target: torch.Tensor, fr: torch.Tensor, w_hid: torch.Tensor
) -> Dict[str, torch.Tensor]:
    """The same losses in PyTorch."""
    mse = WEIGHTS["lambda_mse"] * (pred - target).pow(2).mean()
    sparse = WEIGHTS["lambda_hid"] * w_hid.pow(2).mean() + WEIGHTS["lambda_fr"] * fr.pow(2).mean()
    spread = WEIGHTS["lambda_fr_sd"] * fr.mean(dim=(0, 1)).std(unbiased=False)
    return {"loss": mse + sparse + spread, "mse": mse}


def train(losses: Losses, steps: int, dtype: torch.dtype = torch.float64) -> Curve:
    """One run; the same for the same seed but for the losses."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        torch.manual_seed(1)
        generator = torch.Generator().manual_seed(2)
        network = RateNetwork()
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        curve = Curve([], [])
        for _ in range(steps):
            inputs, target = trials(generator)
            pred, fr = network(inputs)
            found = losses(pred=pred, target=target, fr=fr, w_hid=network.w_hid)
            optimizer.zero_grad()
            found["loss"].backward()
            optimizer.step()
            curve.loss.append(found["loss"].item())
            curve.mse.append(found["mse"].item())
        return curve
    finally:
        torch.set_default_dtype(before)


def deviation(ours: Curve, theirs: Curve) -> float:
    """The largest relative difference between the losses of two runs."""
    return max(abs(a - b) / abs(b) for a, b in zip(ours.loss, theirs.loss))


def plot(service: Curve, process: Curve, path: str) -> None:
    """Both curves, and how far they are from each other."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "rnnloss"  # the same file for the same curves
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, sharex=True, figsize=(7, 5), height_ratios=(3, 1))
    above.semilogy(process.loss, color="0.75", linewidth=5, label="loss, PyTorch in the process")
    above.semilogy(service.loss, color="C0", linewidth=1.2, label="loss, rnnlossd")
    above.semilogy(process.mse, color="0.85", linewidth=5, label="mse, PyTorch in the process")
    above.semilogy(service.mse, color="C1", linewidth=1.2, label="mse, rnnlossd")
    above.set_ylabel("loss")
    above.legend(frameon=False)
    apart = [abs(a - b) / b for a, b in zip(service.loss, process.loss)]
    below.semilogy([max(value, 1e-17) for value in apart], ".", color="0.3", markersize=2)
    below.set_ylabel("relative\ndifference")
    below.set_xlabel("step")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)
    pyplot.close(figure)


def main() -> None:
    """Both runs, and what came of them."""
    parser = argparse.ArgumentParser(description="Trains an integrator with losses from a rnnlossd.")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--plot", metavar="FILE", help="an .svg or .png to draw the curves into")
    options = parser.parse_args()
    with rnnloss.Client() as client:
        service = train(of_the_service(client), options.steps)
    process = train(of_this_process, options.steps)
    print(f"mse {service.mse[0]:.2g} -> {service.mse[-1]:.2g} after {options.steps} steps")
    apart = deviation(service, process)
    print(f"the curves differ by {apart:.1e} at most" if apart > 1e-10 else "the curves differ by less than 1e-10")
    if options.plot:
        plot(service, process, options.plot)


if __name__ == "__main__":
    main()
