"""The criterion of PyTorch."""

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch

import rnnloss
import rnnloss.torch

NAMES = ("pred", "target", "fr", "w_in", "w_hid", "w_out")
WEIGHTS = dict(lambda_mse=1.0, lambda_in=0.1, lambda_hid=0.2, lambda_out=0.3, lambda_fr=0.4, lambda_fr_sd=0.5,
               lambda_fr_cv=0.6)  # fmt: skip


def tensors(dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    shapes = dict(pred=(2, 3, 2), target=(2, 3, 2), fr=(2, 3, 4), w_in=(4, 2), w_hid=(4, 4), w_out=(2, 4))
    found = {name: torch.rand(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
    return {name: value.to(dtype).requires_grad_(name != "target") for name, value in found.items()}


def in_process(pred, target, fr, w_in, w_hid, w_out, factor=WEIGHTS):
    """The same loss, by PyTorch."""
    means = fr.mean(dim=(0, 1))
    sd = means.std(unbiased=False)
    terms = dict(mse=(pred - target).pow(2).mean(), fr=fr.pow(2).mean(), fr_sd=sd, fr_cv=sd / means.mean(),
                 hid=w_hid.pow(2).mean(), out=w_out.pow(2).mean())  # fmt: skip
    terms["in"] = w_in.pow(2).mean()
    return {name: factor["lambda_" + name] * value for name, value in terms.items()}


@pytest.fixture
def criterion(client):
    return rnnloss.torch.RNNLoss(client, **WEIGHTS)


def as_numpy(gradient):
    return gradient.float().numpy() if gradient.dtype == torch.bfloat16 else gradient.numpy()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_loss_and_gradients_are_the_daemons(client, criterion, dtype):
    given = tensors(dtype)
    loss = criterion(**given)
    loss.backward()
    wide = {torch.float16: "F32"}.get(dtype)
    arrays = {name: rnnloss.torch._array(value) for name, value in given.items()}
    expected = client.loss(WEIGHTS, arrays, gradient_dtype=wide)
    assert (loss.dtype, loss.shape, loss.item()) == (torch.float64, (), expected.loss)
    assert given["target"].grad is None
    for name in expected.gradients:
        gradient = given[name].grad
        assert gradient.dtype == dtype
        right = rnnloss.torch._tensor(expected.gradients[name]).to(dtype)
        assert torch.equal(gradient, right)


def test_against_pytorch(criterion):
    ours, theirs = tensors(), tensors()
    loss = criterion(**ours)
    loss.backward()
    terms = in_process(**theirs)
    sum(terms.values()).backward()
    assert {name: term.loss for name, term in criterion.terms.items()} == pytest.approx(
        {name: term.item() for name, term in terms.items()}, rel=1e-12
    )
    for name in NAMES:
        if name != "target":
            torch.testing.assert_close(ours[name].grad, theirs[name].grad, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("everything", [False, True])
def test_gradcheck(criterion, everything):
    given = tensors()
    given["target"].requires_grad_(everything)
    assert torch.autograd.gradcheck(lambda *values: criterion(**dict(zip(NAMES, values))), tuple(given.values()))


def test_the_upstream_gradient_is_a_factor(criterion):
    once, other = tensors(), tensors()
    criterion(**once).backward()
    (3 * criterion(**other) + other["w_in"].sum()).backward()
    torch.testing.assert_close(other["fr"].grad, 3 * once["fr"].grad)
    torch.testing.assert_close(other["w_in"].grad, 3 * once["w_in"].grad + 1)


def test_a_scaler_finds_no_underflow(criterion):
    given = tensors(torch.float16)
    tiny = {name: (value.detach() * 2**-12).requires_grad_(value.requires_grad) for name, value in given.items()}
    criterion.lambdas = {"lambda_hid": 2.0**-10}
    (criterion(**tiny) * 65536).backward()
    expected = tiny["w_hid"].detach().double() * 2**-10 * 2 / 16 * 65536
    torch.testing.assert_close(tiny["w_hid"].grad.double(), expected, rtol=1e-3, atol=0)


def test_mixed_dtypes(criterion):
    given = tensors()
    changed = dict(given, fr=given["fr"].detach().half().requires_grad_(), w_in=given["w_in"].detach().bfloat16())
    criterion(**changed).backward()
    assert changed["fr"].grad.dtype == torch.float16
    assert changed["pred"].grad.dtype == torch.float64
    reference = tensors()
    criterion(**reference).backward()
    assert torch.equal(changed["pred"].grad, reference["pred"].grad)
    torch.testing.assert_close(changed["fr"].grad.double(), reference["fr"].grad, rtol=3e-3, atol=1e-6)


def asked(criterion, monkeypatch):
    """The options of the requests that follow."""
    options = []
    real = criterion.client.loss

    def spy(weights, arrays, **given):
        options.append(given)
        return real(weights, arrays, **given)

    monkeypatch.setattr(criterion.client, "loss", spy)
    return options


def test_no_gradient_is_asked_for_in_vain(criterion, monkeypatch):
    options = asked(criterion, monkeypatch)
    given = tensors()
    with torch.no_grad():
        loss = criterion(**given)
    assert not loss.requires_grad
    assert options[-1]["gradients"] == "none"
    assert criterion.terms["mse"].loss > 0
    loss = criterion(**{name: value.detach() for name, value in given.items()})
    assert not loss.requires_grad
    assert options[-1]["gradients"] == "none"
    criterion(**dict(given, pred=given["pred"].detach())).backward()
    assert options[-1]["wrt"] == ["fr", "w_in", "w_hid", "w_out"]
    assert given["pred"].grad is None


def test_terms_and_weights(client):
    criterion = rnnloss.torch.RNNLoss(client, lambda_fr=0.5)
    assert criterion.terms == {}
    fr = torch.tensor([[0.0, 2.0], [2.0, 4.0]], requires_grad=True)
    assert criterion(fr=fr).item() == 3.0
    assert list(criterion.terms) == ["fr"]
    assert (criterion.terms["fr"].loss, criterion.terms["fr"].unweighted) == (3, 6)
    assert criterion.last.gradients == {}
    criterion.lambdas["lambda_fr"] = 1.0
    assert criterion(fr=fr).item() == 6.0
    assert "lambda_fr=1.0" in repr(criterion)
    assert list(criterion.parameters()) == []
    criterion.lambdas["lambda_fr"] = -1.0
    with pytest.raises(rnnloss.Error, match="invalid-lambda"):
        criterion(fr=fr)
    other = copy.deepcopy(criterion)
    other.lambdas["lambda_fr"] = 1.0
    assert other(fr=fr).item() == 6.0


def test_layouts(criterion):
    expected = tensors()
    criterion(**expected).backward()
    given = tensors()
    base = given["fr"].detach().permute(2, 1, 0).contiguous().requires_grad_()
    loss = criterion(**dict(given, fr=base.permute(2, 1, 0)))
    loss.backward()
    assert torch.equal(base.grad.permute(2, 1, 0), expected["fr"].grad)
    sliced = torch.zeros(4, 8, dtype=torch.float64)
    sliced[:, ::2] = given["w_hid"].detach()
    sliced.requires_grad_()
    criterion(**dict(given, w_hid=sliced[:, ::2])).backward()
    assert torch.equal(sliced.grad[:, ::2], expected["w_hid"].grad)
    assert not sliced.grad[:, 1::2].any()


def test_a_gradient_can_be_changed_in_place(criterion):
    given = tensors()
    loss = criterion(**given)
    loss.backward(retain_graph=True)
    first = given["fr"].grad.clone()
    given["fr"].grad.zero_()
    loss.backward()
    assert torch.equal(given["fr"].grad, first)


def test_differentiating_twice_is_refused(criterion):
    given = tensors()
    for factor in (1, torch.ones((), requires_grad=True)):
        loss = factor * criterion(**given)
        (gradient,) = torch.autograd.grad(loss, [given["fr"]], create_graph=True)
        with pytest.raises(RuntimeError, match="first ones only"):
            (loss + gradient.pow(2).sum()).backward()


def test_nonfinite(client):
    pred = torch.tensor([float("nan"), 2.0], requires_grad=True)
    target = torch.zeros(2)
    with pytest.raises(rnnloss.Error, match="non-finite"):
        rnnloss.torch.RNNLoss(client, lambda_mse=1.0)(pred=pred, target=target)
    loss = rnnloss.torch.RNNLoss(client, lambda_mse=1.0, nonfinite="propagate")(pred=pred, target=target)
    loss.backward()
    assert loss.isnan()
    assert pred.grad.tolist()[1] == 2


def test_unused_tensors_have_zeros(client):
    given = tensors()
    rnnloss.torch.RNNLoss(client, lambda_fr=1.0)(fr=given["fr"], w_in=given["w_in"]).backward()
    assert not given["w_in"].grad.any()


def test_errors_of_daemon_and_dtypes(criterion):
    given = tensors()
    with pytest.raises(rnnloss.Error, match="unsupported-dtype"):
        criterion(**dict(given, target=given["target"].long()))
    with pytest.raises(rnnloss.Error, match="missing-tensor"):
        criterion()


class Elsewhere(torch.Tensor):
    """A CPU tensor that claims another device, and counts the copies from there: no other device is to be had here."""

    copies = []

    @property
    def device(self):
        return torch.device("cpu:0")

    def cpu(self, *_):
        self.copies.append(self.shape)
        return self.as_subclass(torch.Tensor).clone()

    def numpy(self):
        raise TypeError("can't convert a device tensor to numpy")


def test_the_path_of_other_devices(criterion, monkeypatch):
    sent = []
    real = torch.Tensor.to

    def to(self, *args, **kwargs):
        sent.append(args[0])
        return real(self, *args, **kwargs)

    expected = tensors()
    criterion(**expected).backward()
    leaf = expected["fr"].detach().clone().requires_grad_()
    monkeypatch.setattr(Elsewhere, "copies", [])
    monkeypatch.setattr(torch.Tensor, "to", to)
    given = dict(expected, fr=leaf.as_subclass(Elsewhere))
    expected_gradient = expected["fr"].grad
    criterion(**given).backward()
    assert Elsewhere.copies == [(2, 3, 4)]
    assert torch.device("cpu:0") in sent
    assert torch.equal(leaf.grad, expected_gradient)


def test_it_needs_pytorch():
    script = (
        "import sys; sys.modules['torch'] = None; import rnnloss\ntry: rnnloss.torch\nexcept ImportError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_path())
    assert "pip install torch" in done.stdout
    script = "import rnnloss, sys; assert 'torch' not in sys.modules; rnnloss.torch.RNNLoss; rnnloss.nothing"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=_path())
    assert "has no attribute 'nothing'" in done.stderr


def _path():
    import os
    from pathlib import Path

    return dict(os.environ, PYTHONPATH=str(Path(rnnloss.__file__).parents[1]))


def test_arrays_are_not_copied():
    value = torch.ones(3, 4)
    assert np.shares_memory(rnnloss.torch._array(value), value.numpy())
    value = torch.ones(3, 4, dtype=torch.bfloat16)
    assert rnnloss.torch._array(value).bits.ctypes.data == value.data_ptr()
