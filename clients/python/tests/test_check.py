"""rnnloss.check: right and wrong loss functions of one's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from jax.experimental import enable_x64
from test_jax import arrays
from test_jax import in_process as in_jax
from test_torch import WEIGHTS, in_process, tensors

import rnnloss

FR = np.array([[[0.1, 0.2, 0.3, 0.5], [0.3, 0.2, 0.1, 0.6]]])


@pytest.fixture(autouse=True)
def _daemon(monkeypatch, url):
    monkeypatch.setenv("RNNLOSS_URL", url)


def test_numpy(capsys):
    def sd(ddof):
        return lambda fr: 0.1 * fr.mean(axis=(0, 1)).std(ddof=ddof)

    report = rnnloss.check(sd(0), {"fr": FR}, {"lambda_fr_sd": 0.1})
    assert report
    assert list(report.claims) == ["loss"]
    assert "valid\npass" in capsys.readouterr().out
    report = rnnloss.check(sd(1), {"fr": FR}, {"lambda_fr_sd": 0.1})
    assert not report
    assert report.claims["loss"].diagnosis[0].id.endswith("sample-sd")
    assert "unbiased=False" in capsys.readouterr().out
    assert rnnloss.check(sd(0), {"fr": FR}, {"lambda_fr_sd": 0.1}, quiet=True)
    assert capsys.readouterr().out == ""


def test_gradients_of_numpy():
    def fr_loss(scale):
        return lambda fr: ((fr**2).mean(), {"fr": scale * 2 * fr / fr.size})

    assert rnnloss.check(fr_loss(1), {"fr": FR}, {"lambda_fr": 1.0}, quiet=True)
    report = rnnloss.check(fr_loss(0.5), {"fr": FR}, {"lambda_fr": 1.0}, quiet=True)
    assert report.claims["loss"].verdict == "pass"
    assert report.claims["gradients.fr"].scale == 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch(dtype):
    given = {name: value.detach() for name, value in tensors(dtype).items()}
    right = rnnloss.check(lambda **t: sum(in_process(**t).values()), given, WEIGHTS, quiet=True)
    assert right, right
    assert set(right.claims) == {"loss", *(f"gradients.{name}" for name in given if name != "target")}
    terms = rnnloss.check(in_process, given, WEIGHTS, quiet=True)
    assert "terms.fr_cv.gradients.fr" in terms.claims
    assert all(claim.verdict == "pass" for path, claim in terms.claims.items()), terms

    def wrong(fr, **others):
        terms = in_process(fr=fr, **others)
        terms["fr_sd"] = 0.5 * fr.mean(dim=(0, 1)).std()
        return {**terms, "loss": sum(terms.values())}

    report = rnnloss.check(wrong, given, WEIGHTS, quiet=True)
    failed = {path for path, claim in report.claims.items() if claim.verdict == "fail"}
    assert failed == {"loss", "gradients.fr", "terms.fr_sd.loss", "terms.fr_sd.gradients.fr"}
    assert report.claims["terms.fr_sd.loss"].diagnosis[0].id == "sample-sd"
    assert all(value.grad is None for value in given.values())


def test_torch_without_autograd_and_with_bfloat16():
    fr = torch.tensor(FR).bfloat16()
    report = rnnloss.check(lambda fr: fr.detach().double().pow(2).mean(), {"fr": fr}, {"lambda_fr": 1.0}, quiet=True)
    assert report
    assert list(report.claims) == ["loss"]
    report = rnnloss.check(lambda fr: fr.pow(2).mean(), {"fr": fr}, {"lambda_fr": 1.0}, quiet=True, wrt=["fr"])
    assert set(report.claims) == {"loss", "gradients.fr"}
    assert report.tolerance["dtype"] == "BF16"
    report = rnnloss.check(lambda fr: fr.mean(), {"fr": fr}, {"lambda_fr": 1.0}, quiet=True)
    assert report.valid is False


def test_jax():
    with enable_x64():
        given = arrays("float64")
        report = rnnloss.check(lambda **t: in_jax(t), given, WEIGHTS, quiet=True)
        assert report, report
        assert "gradients.w_hid" in report.claims
        terms = rnnloss.check(
            lambda fr: {"fr": jnp.square(fr).mean()}, {"fr": given["fr"]}, {"lambda_fr": 1}, quiet=True
        )
        assert terms
        assert set(terms.claims) == {"terms.fr.loss", "terms.fr.gradients.fr"}
    report = rnnloss.check(
        lambda fr: 2 * jnp.square(fr).mean(), {"fr": jax.numpy.ones(3)}, {"lambda_fr": 1}, quiet=True
    )
    assert not report


def test_a_daemon_of_ones_own(url, monkeypatch):
    monkeypatch.delenv("RNNLOSS_URL")
    with rnnloss.Client(url) as client:
        assert rnnloss.check(lambda fr: (fr**2).mean(), {"fr": FR}, {"lambda_fr": 1.0}, client=client, quiet=True)
        near, loose = (lambda fr: (fr**2).mean() * 1.01), {"rtol": 0.02, "atol": 0.0}
        assert rnnloss.check(near, {"fr": FR}, {"lambda_fr": 1.0}, client=client, quiet=True, tolerance=loose)
