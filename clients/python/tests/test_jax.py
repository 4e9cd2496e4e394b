"""The loss as a function of JAX."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import enable_x64
from test_torch import WEIGHTS, _path

import rnnloss
import rnnloss.jax

SHAPES = dict(pred=(2, 3, 2), target=(2, 3, 2), fr=(2, 3, 4), w_in=(4, 2), w_hid=(4, 4), w_out=(2, 4))


def arrays(dtype, seed=1):
    generator = np.random.default_rng(seed)
    return {name: jnp.asarray(generator.random(shape), dtype) for name, shape in SHAPES.items()}


def in_process(arrays):
    """The same loss, by JAX."""
    means = arrays["fr"].mean(axis=(0, 1))
    square = {name: jnp.square(value).mean() for name, value in arrays.items()}
    return (
        WEIGHTS["lambda_mse"] * jnp.square(arrays["pred"] - arrays["target"]).mean()
        + sum(WEIGHTS["lambda_" + name] * square["w_" + name] for name in ("in", "hid", "out"))
        + WEIGHTS["lambda_fr"] * square["fr"]
        + WEIGHTS["lambda_fr_sd"] * means.std()
        + WEIGHTS["lambda_fr_cv"] * means.std() / means.mean()
    )


@pytest.fixture
def criterion(client):
    return rnnloss.jax.RNNLoss(client, **WEIGHTS)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_loss_and_gradients_are_the_daemons(client, criterion, dtype, jit):
    with enable_x64(dtype == "float64"):
        given = arrays(dtype)
        assert given["fr"].dtype == dtype
        function = jax.value_and_grad(lambda given: criterion(**given))
        loss, gradients = (jax.jit(function) if jit else function)(given)
        expected = client.loss(WEIGHTS, {name: np.asarray(value) for name, value in given.items()}, wrt=list(given))
        assert loss.dtype == ("float64" if dtype == "float64" else "float32")
        assert loss == loss.dtype.type(expected.loss)
        for name, gradient in expected.gradients.items():
            assert gradients[name].dtype == dtype
            assert np.asarray(gradients[name]).tobytes() == gradient.tobytes()


def test_against_jax(criterion):
    with enable_x64():
        given = arrays("float64")
        assert float(criterion(**given)) == pytest.approx(float(in_process(given)), rel=1e-12)
        ours = jax.jit(jax.grad(lambda given: 3 * criterion(**given)))(given)
        theirs = jax.grad(lambda given: 3 * in_process(given))(given)
        for name, gradient in theirs.items():
            np.testing.assert_allclose(ours[name], gradient, rtol=1e-12, atol=1e-15)


def test_only_what_is_needed_is_asked_for(client, criterion, monkeypatch):
    options = []
    real = client.loss

    def spy(weights, given, **options_given):
        options.append(options_given)
        return real(weights, given, **options_given)

    monkeypatch.setattr(client, "loss", spy)
    given = arrays("float32")
    criterion(**given).block_until_ready()
    assert options[-1] == {"gradients": "none", "nonfinite": None}
    jax.grad(lambda fr: criterion(**dict(given, fr=fr)))(given["fr"]).block_until_ready()
    assert options[-1]["wrt"] == ("fr",)
    jax.jit(jax.grad(lambda target: criterion(**dict(given, target=target))))(given["target"]).block_until_ready()
    assert options[-1]["wrt"] == ("target",)


def test_terms(client):
    criterion = rnnloss.jax.RNNLoss(client, lambda_fr=0.5, lambda_hid=1.0)
    fr, w_hid = jnp.array([[0.0, 2.0], [2.0, 4.0]]), jnp.ones((2, 2))
    function = jax.jit(jax.value_and_grad(lambda fr: criterion.loss_and_terms(fr=fr, w_hid=w_hid), has_aux=True))
    (loss, terms), gradient = function(fr)
    assert loss == 4
    assert {name: float(value) for name, value in terms.items()} == {"fr": 3, "hid": 1}
    np.testing.assert_array_equal(gradient, [[0, 0.5], [0.5, 1]])
    constant = jax.grad(lambda fr: criterion.loss_and_terms(fr=fr, w_hid=w_hid)[1]["fr"])(fr)
    assert not constant.any()


def test_vmap_asks_one_after_the_other(criterion):
    given = arrays("float32")
    many = jnp.stack([given["fr"], 2 * given["fr"], given["fr"] + 1])

    def loss(fr):
        return criterion(**dict(given, fr=fr))

    np.testing.assert_array_equal(jax.vmap(loss)(many), [loss(fr) for fr in many])
    np.testing.assert_array_equal(jax.vmap(jax.grad(loss))(many), [jax.grad(loss)(fr) for fr in many])


def test_it_trains(client):
    criterion = rnnloss.jax.RNNLoss(client, lambda_mse=1.0)
    x = jnp.asarray(np.random.default_rng(1).random((20, 3)), jnp.float32)
    target = x @ jnp.array([[1.0], [2.0], [-1.0]])

    @jax.jit
    def step(w):
        loss, gradient = jax.value_and_grad(lambda w: criterion(pred=x @ w, target=target))(w)
        return w - 0.5 * gradient, loss

    w = jnp.zeros((3, 1))
    for _ in range(200):
        w, loss = step(w)
    assert loss < 1e-3


def test_large_arrays(criterion):
    fr = jnp.ones((64, 100, 256), jnp.float32)
    criterion = rnnloss.jax.RNNLoss(criterion._client, lambda_fr=1.0)
    gradient = jax.jit(jax.grad(lambda fr: criterion(fr=jnp.sqrt(fr))))(fr)
    np.testing.assert_allclose(gradient, np.full(fr.shape, 1 / fr.size), rtol=1e-6)


def test_what_it_refuses(criterion):
    given = arrays("float32")
    with pytest.raises(Exception, match="shape-mismatch"):
        jax.jit(lambda: criterion(**dict(given, target=given["fr"])))().block_until_ready()
    with pytest.raises((TypeError, ValueError), match=r"JVP|forward-mode|differentiation"):
        jax.jvp(lambda fr: criterion(**dict(given, fr=fr)), (given["fr"],), (given["fr"],))
    with pytest.raises((TypeError, ValueError), match=r"JVP|differentiation"):
        jax.hessian(lambda fr: criterion(**dict(given, fr=fr)))(given["fr"])


def test_it_needs_jax():
    script = (
        "import sys; sys.modules['jax'] = None; import rnnloss\ntry: rnnloss.jax\nexcept ImportError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_path())
    assert "pip install jax" in done.stdout
