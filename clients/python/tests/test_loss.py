"""Losses, gradients and reports: the options, and what comes back."""

import hashlib
import struct

import ml_dtypes
import numpy as np
import pytest

import rnnloss

FR = np.array([[[0.1, 0.2, 0.3, 0.5], [0.3, 0.2, 0.1, 0.6]]])
PRED, TARGET = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [3.0, 2.0]])
ENCODINGS = pytest.mark.parametrize("encoding", ["safetensors", "json"])


@ENCODINGS
def test_terms_and_gradients(client, encoding):
    tensors = dict(pred=PRED, target=TARGET, fr=np.float32([[0, 2], [2, 4]]), w_in=np.ones((3, 2)))
    answer = client.loss({"lambda_mse": 1, "lambda_fr": 0.5}, tensors, gradients="per_term", encoding=encoding)
    assert answer.loss == 4.25
    assert list(answer.terms) == ["mse", "fr"]
    mse, fr = answer.terms["mse"], answer.terms["fr"]
    assert (mse.lambda_, mse.loss, mse.unweighted) == (1, 1.25, 1.25)
    assert (fr.lambda_, fr.loss, fr.unweighted) == (0.5, 3, 6)
    assert list(answer.gradients) == ["pred", "fr"]
    np.testing.assert_array_equal(answer.gradients["pred"], [[0.5, 0], [0, 1]])
    np.testing.assert_array_equal(mse.gradients["pred"], [[0.5, 0], [0, 1]])
    np.testing.assert_array_equal(fr.gradients["fr"], np.float32([[0, 0.5], [0.5, 1]]))
    assert mse.gradients["pred"].dtype == np.float64
    assert fr.gradients["fr"].dtype == np.float32
    assert list(mse.gradients) == ["pred"]
    assert answer.unused == ("w_in",)
    assert answer.contract == 1
    assert answer.inputs_sha256 is None
    assert answer.request_id


@ENCODINGS
def test_options(client, encoding):
    def ask(**options):
        return client.loss({"lambda_mse": 1}, pred=PRED, target=TARGET, encoding=encoding, contract=1, **options)

    assert ask(gradients="none").gradients == {}
    assert ask(wrt=[]).gradients == {}
    assert list(ask(wrt=["target"]).gradients) == ["target"]
    assert list(ask(wrt=("pred", "target")).gradients) == ["pred", "target"]
    assert ask(wrt="pred,target").gradients.keys() == {"pred", "target"}
    np.testing.assert_array_equal(ask(wrt=["target"]).gradients["target"], [[-0.5, 0], [0, -1]])
    assert ask(gradient_dtype="F32").gradients["pred"].dtype == np.float32
    with pytest.raises(rnnloss.Error) as caught:
        client.loss({"lambda_mse": 1}, pred=PRED, target=TARGET, contract=2, encoding=encoding)
    assert (caught.value.type, caught.value.pointer) == ("unknown-contract", "/contract")


@ENCODINGS
def test_digest(client, encoding):
    answer = client.loss({"lambda_fr": 0.5}, fr=FR, digest=True, encoding=encoding)
    text = b"fr\0F64\0" + struct.pack("<4Q", 3, 1, 2, 4) + hashlib.sha256(FR.tobytes()).digest()
    assert answer.inputs_sha256 == hashlib.sha256(text + struct.pack("<7d", 0, 0, 0, 0, 0.5, 0, 0)).hexdigest()
    assert client.loss({"lambda_fr": 0.5}, fr=FR, digest=False, encoding=encoding).inputs_sha256 is None


@ENCODINGS
def test_nonfinite(client, encoding):
    pred = np.array([np.nan, np.inf, 2], np.float32)
    with pytest.raises(rnnloss.Error) as caught:
        client.loss({"lambda_mse": 1}, pred=pred, target=[0, 0, 0], encoding=encoding)
    assert caught.value.status == 422
    answer = client.loss({"lambda_mse": 1}, pred=pred, target=[0, 0, 0], nonfinite="propagate", encoding=encoding)
    assert np.isnan(answer.loss)
    np.testing.assert_array_equal(answer.gradients["pred"], np.float32([np.nan, np.inf, 4 / 3]))
    with pytest.raises(rnnloss.Error, match="lambda"):
        client.loss({"lambda_mse": float("inf")}, pred=[1], target=[1], encoding=encoding)


@ENCODINGS
def test_warnings(client, encoding):
    answer = client.loss({"lambda_fr_cv": 1}, fr=-FR, encoding=encoding)
    assert answer.warnings == ("negative-mean-rate",)


@ENCODINGS
@pytest.mark.parametrize(
    ("lambdas", "tensors", "kind", "pointer"),
    [
        ({"lambda_fr_vc": 1}, {}, "unknown-lambda", "/lambdas/lambda_fr_vc"),
        ({"lambda_fr": -1}, {"fr": FR}, "invalid-lambda", "/lambdas/lambda_fr"),
        ({"lambda_fr": 1}, {}, "missing-tensor", ""),
        ({}, {"frr": FR}, "unknown-tensor", "/tensors/frr"),
        ({"lambda_fr": 1}, {"fr": FR.astype(np.int64)}, "unsupported-dtype", "/tensors/fr/dtype"),
        ({"lambda_fr": 1}, {"fr": FR > 0}, "unsupported-dtype", "/tensors/fr/dtype"),
        ({"lambda_fr": 1}, {"fr": np.zeros((2, 0))}, "invalid-shape", "/tensors/fr/shape"),
        ({"lambda_fr": 1}, {"fr": 3.0}, "invalid-shape", "/tensors/fr/shape"),
        ({"lambda_hid": 1}, {"w_hid": np.ones((2, 3))}, "shape-mismatch", "/tensors/w_hid/shape"),
        ({"lambda_fr_cv": 1}, {"fr": [1.0, -1.0]}, "undefined", ""),
    ],
)
def test_what_the_daemon_refuses(client, encoding, lambdas, tensors, kind, pointer):
    with pytest.raises(rnnloss.Error) as caught:
        client.loss(lambdas, tensors, encoding=encoding)
    error = caught.value
    assert (error.type, error.status) == (kind, 422)
    assert not pointer or error.pointer == pointer
    assert error.detail
    assert kind in str(error)


def test_what_cannot_be_sent(client):
    with pytest.raises(TypeError, match="complex128"):
        client.loss({}, fr=np.ones(2, complex))
    with pytest.raises(ValueError, match="inhomogeneous"):
        client.loss({}, fr=[[1, 2], [3]])
    with pytest.raises(ValueError, match="encoding"):
        client.loss({}, encoding="xml")
    with pytest.raises(ValueError, match="twice"):
        client.loss({}, {"fr": FR}, fr=FR)
    with pytest.raises(ValueError, match="__metadata__"):
        client.loss({}, {"__metadata__": FR})
    with pytest.raises(TypeError, match="uint16"):
        rnnloss.bfloat16(np.ones(3, np.float32))


@ENCODINGS
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16, "wrapper"])
def test_dtypes(client, encoding, dtype):
    values = np.random.default_rng(3).standard_normal((3, 5, 7)).astype(np.float32)
    fr = rnnloss.bfloat16.from_float32(values) if dtype == "wrapper" else values.astype(dtype)
    answer = client.loss({"lambda_fr": 1, "lambda_fr_sd": 1}, fr=fr, encoding=encoding)
    gradient = answer.gradients["fr"]
    assert gradient.shape == fr.shape
    if dtype == "wrapper":
        assert isinstance(gradient, rnnloss.bfloat16)
        other = client.loss({"lambda_fr": 1, "lambda_fr_sd": 1}, fr=values.astype(ml_dtypes.bfloat16))
        assert answer.loss == other.loss
        assert gradient.bits.tobytes() == other.gradients["fr"].tobytes()
    else:
        assert gradient.dtype == fr.dtype


def test_without_ml_dtypes(client, monkeypatch):
    wide = np.random.default_rng(3).standard_normal((3, 5)).astype(np.float32)
    fr = wide.astype(ml_dtypes.bfloat16)
    monkeypatch.setitem(__import__("sys").modules, "ml_dtypes", None)
    gradient = client.loss({"lambda_fr": 1}, fr=fr).gradients["fr"]
    assert isinstance(gradient, rnnloss.bfloat16)
    assert gradient.shape == (3, 5)


def test_bfloat16():
    every = np.arange(1 << 16, dtype=np.uint16)
    wide = rnnloss.bfloat16(every).float32()
    np.testing.assert_array_equal(wide, every.view(ml_dtypes.bfloat16).astype(np.float32))
    numbers = ~np.isnan(wide)
    np.testing.assert_array_equal(rnnloss.bfloat16.from_float32(wide).bits[numbers], every[numbers])
    bits = np.random.default_rng(1).integers(0, 1 << 32, 100000, np.uint32)
    near = np.concatenate([bits, bits & np.uint32(0xFFFF0000) | np.uint32(0x8000)]).view(np.float32)
    near = near[~np.isnan(near)]
    with np.errstate(over="ignore"):
        expected = near.astype(ml_dtypes.bfloat16).view(np.uint16)
    np.testing.assert_array_equal(rnnloss.bfloat16.from_float32(near).bits, expected)
    assert rnnloss.bfloat16.from_float32(np.nan).bits == 0x7FC0
    assert "1.5" in repr(rnnloss.bfloat16.from_float32([1.5]))


def test_arrays_of_all_layouts(client):
    base = np.random.default_rng(2).standard_normal((6, 4, 5)).astype(np.float32)
    expected = client.loss({"lambda_fr_sd": 1}, fr=base)
    unaligned = np.frombuffer(b"x" + base.tobytes(), np.float32, offset=1).reshape(base.shape)
    readonly = base.copy()
    readonly.flags.writeable = False
    same = [base.astype(">f4"), np.asfortranarray(base), np.repeat(base, 2, axis=1)[:, ::2], unaligned, readonly,
            base[::-1][::-1], base.tolist()]  # fmt: skip
    for fr in same:
        answer = client.loss({"lambda_fr_sd": 1}, fr=fr)
        assert answer.loss == expected.loss
        np.testing.assert_array_equal(np.float32(answer.gradients["fr"]), expected.gradients["fr"])


def test_nothing_large_is_copied(client):
    from rnnloss._tensor import tensor

    fr = np.ones((10, 20, 30), np.float32)
    assert np.shares_memory(np.frombuffer(tensor(fr).bytes(), np.uint8), fr)
    gradients = client.loss({"lambda_fr": 1, "lambda_hid": 1}, fr=fr, w_hid=np.ones((30, 30))).gradients
    assert gradients["fr"].base is not None
    assert gradients["fr"].flags.writeable
    owners = {id(_owner(gradient)) for gradient in gradients.values()}
    assert len(owners) == 1


def _owner(array):
    while True:
        base = array.obj if isinstance(array, memoryview) else array.base
        if base is None:
            return array
        array = base


def test_json_is_exact(client):
    rng = np.random.default_rng(5)
    from rnnloss import _json
    from rnnloss._tensor import tensor

    for dtype, bits in ((np.float16, np.uint16), (np.float32, np.uint32), (np.float64, np.uint64)):
        top = np.iinfo(bits).max
        values = rng.integers(0, top, 50000, bits, endpoint=True).view(dtype)
        values = np.where(np.isnan(values), dtype(1), values)
        sent = tensor(values)
        received = _json.decode_tensor(_json.loads(_json.encode_tensor(sent).encode()))
        assert received.array.tobytes() == values.tobytes()
    every = tensor(rnnloss.bfloat16(np.arange(0x7F80, dtype=np.uint16)))
    received = _json.decode_tensor(_json.loads(_json.encode_tensor(every).encode()))
    assert received.array.tobytes() == every.array.tobytes()


def test_decimals_are_rounded_once():
    from rnnloss import _json

    # 1 + 2^-24 lies between two float32s; a hair above it is still 1 + 2^-24 as a double.
    middle = "1.000000059604644775390625"
    texts = [middle, middle + "000000001", "1.000000059604644775390624999999", "-" + middle + "000000001"]
    found = _json.decode_tensor({"dtype": "F32", "shape": [4], "data": texts}).array
    above = np.nextafter(np.float32(1), np.float32(2))
    assert found.tolist() == [1, above, 1, -above]


REPORT = {"terms": {"mse": 0.01, "fr_sd": {"loss": 0.0175}}, "gradients": {"pred": np.array([[[0.05, -0.05]]])}}


@ENCODINGS
def test_validate(client, encoding):
    tensors = {"pred": [[[0.1, 0.9]]], "target": [[[0.0, 1.0]]], "fr": FR}
    report = client.validate({"lambda_mse": 1.0, "lambda_fr_sd": 0.1}, REPORT, tensors, encoding=encoding)
    assert report.valid is False
    assert not report
    assert report.claims["terms.mse.loss"].verdict == "pass"
    claim = report.claims["terms.fr_sd.loss"]
    assert (claim.verdict, claim.claimed, claim.canonical) == ("fail", 0.0175, 0.015155444566227676)
    assert (claim.mismatched, claim.elements, claim.nonfinite) == (1, 1, 0)
    assert claim.first_mismatch.difference == claim.largest["absolute"].difference == 0.0023445554337723253
    assert claim.largest["ulps"].difference == 1351544189169474.0
    assert claim.tolerance["rtol"] == 1e-7
    (diagnosis,) = claim.diagnosis
    assert (diagnosis.id, diagnosis.value, diagnosis.weak) == ("sample-sd", 0.0175, False)
    assert diagnosis.releases == ("nn4n-1.2.0",)
    assert "unbiased=False" in diagnosis.fix
    gradient = report.claims["gradients.pred"]
    assert gradient.verdict == "fail"
    assert gradient.diagnosis[0].id in ("half", "scale")
    assert gradient.scale == pytest.approx(0.5)
    assert gradient.cosine == pytest.approx(1)
    assert gradient.first_mismatch.index == (0, 0, 0)
    assert gradient.first_mismatch.claimed == 0.05
    assert report.tolerance["dtype"] == "F64"
    assert (report.contract, len(report.inputs_sha256), report.raw["valid"]) == (1, 64, False)
    for word in ("not valid", "sample-sd", "unbiased=False", "as in nn4n-1.2.0", "pass"):
        assert word in str(report)


@ENCODINGS
def test_validate_tolerance(client, encoding):
    def verdict(claim, **tolerance):
        claims = {"terms": {"fr": {"unweighted": claim}}}
        return client.validate({"lambda_fr": 1}, claims, fr=[2.0], tolerance=tolerance or None, encoding=encoding).valid

    assert verdict(4.0) is True
    assert verdict(4.001) is False
    assert verdict(4.001, rtol=0.001, atol=0) is True
    assert verdict(4.001, dtype="BF16") is True
    assert verdict(4 + 2**-50, ulps=1) is True
    assert verdict(4 + 2**-48, ulps=1, dtype="F64") is False
    report = client.validate({"lambda_fr": 1}, {"loss": np.float32(4)}, fr=np.float32([2]), encoding=encoding)
    assert report
    assert report.tolerance["dtype"] == "F32"
    half = rnnloss.bfloat16.from_float32(4.0)
    assert client.validate({"lambda_fr": 1}, {"loss": half}, fr=np.float32([2]), encoding=encoding)
    nothing = {"loss": float("nan"), "gradients": {"fr": [np.inf]}}
    report = client.validate({"lambda_fr": 1}, nothing, fr=[2.0], encoding=encoding)
    assert np.isnan(report.claims["loss"].claimed)
    assert report.claims["gradients.fr"].nonfinite == 1
    with pytest.raises(rnnloss.Error, match="invalid-claim"):
        client.validate({"lambda_fr": 1}, {}, fr=[2.0], encoding=encoding)
    with pytest.raises(rnnloss.Error, match=r"invalid-claim at /claims"):
        client.validate({"lambda_fr": 1}, {"losss": 1.0}, fr=[2.0], encoding=encoding)


def test_validate_in_doubt(client):
    report = client.validate({"lambda_fr": 1}, {"loss": 2e-10}, fr=[1e-5])
    assert report.valid is None
    assert not report
    assert str(report).startswith("inconclusive\n")
    coarse = rnnloss.bfloat16.from_float32([1.0, 3.0])
    report = client.validate({"lambda_fr": 1}, {"terms": {"fr": rnnloss.bfloat16.from_float32(10.0)}}, fr=coarse)
    assert report.claims["terms.fr.loss"].diagnosis[0].weak
    assert "perhaps by chance" in str(report)


def test_validate_as_text(client):
    text = client.validate_text({"lambda_fr_sd": 0.1}, {"terms": {"fr_sd": 0.0175}}, {"fr": FR})
    assert text.startswith("not valid\n")
    assert "sample-sd" in text


def test_the_other_routes(client):
    assert [term["name"] for term in client.terms()["terms"]] == ["mse", "in", "hid", "out", "fr", "fr_sd", "fr_cv"]
    version = client.version()
    assert version["vectors_sha256"] == client.vectors()["sha256"]
    assert version["limits"]["max_neurons"] > 0
    assert client.vector("mse-by-hand")["result"] == "valid"
    with pytest.raises(rnnloss.Error, match="not-found"):
        client.vector("no/such vector?")


def test_raw_requests(client):
    pieces = [b'{"lambdas": {"lambda_fr": 1},', memoryview(b'"tensors": {"fr": [2]}}')]
    answer = client.request("POST", "/loss?gradients=none", pieces, content_type="application/json")
    assert answer.json()["loss"] == 4
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.headers["Server"].startswith("rnnlossd/")
    body = np.frombuffer(b'{"lambdas": {"lambda_fr": 1}, "tensors": {"fr": [2]}}   ', np.float64)
    assert client.request("POST", "/loss", body.data, content_type="application/json").json()["loss"] == 4
    assert client.request("GET", "/healthz", request_id="mine").request_id == "mine"
    with pytest.raises(rnnloss.Error) as caught:
        client.request("POST", "/loss", b"{", content_type="application/json")
    assert (caught.value.type, caught.value.status) == ("malformed-json", 400)
    with pytest.raises(rnnloss.Error, match="method-not-allowed"):
        client.request("POST", "/version")
    with pytest.raises(rnnloss.Error, match="unexpected-answer"):
        client._transport.call(client._request("GET", "/metrics"), 5).json()


def test_answers_are_not_compared_by_value(client):
    answer = client.loss({"lambda_fr": 1}, fr=FR)
    assert answer == answer
    assert answer != client.loss({"lambda_fr": 1}, fr=FR)
    with pytest.raises(AttributeError):
        answer.loss = 1
