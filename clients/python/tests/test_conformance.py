"""Every conformance vector of the daemon, in both encodings."""

import base64
import hashlib
import struct

import numpy as np
import pytest

import rnnloss

KINDS = {"F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}
MEDIA_TYPES = {"json": "application/json", "safetensors": "application/vnd.safetensors"}


def splitmix64(seed, count):
    """The first outputs of SplitMix64."""
    index = np.arange(1, count + 1, dtype=np.uint64)
    z = np.uint64(seed) + index * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return z ^ z >> np.uint64(31)


def ruled(tensor):
    """The elements' bytes of a tensor that is given by a rule."""
    rule, dtype = tensor["rule"], tensor["dtype"]
    whole = splitmix64(rule["seed"], int(np.prod(tensor["shape"]))) >> np.uint64(64 - rule["bits"])
    values = np.ldexp(whole.astype(np.int64) - rule["subtract"], rule["exponent"])
    if dtype == "BF16":
        data = (values.astype(np.float32).view(np.uint32) >> np.uint32(16)).astype("<u2").tobytes()
    else:
        data = values.astype(KINDS[dtype]).tobytes()
    assert hashlib.sha256(data).hexdigest() == tensor["sha256"]
    return data


def listed(tensor):
    """Those of one whose bits are written out."""
    size = np.dtype(KINDS[tensor["dtype"]]).itemsize
    return b"".join(int(bits, 16).to_bytes(size, "little") for bits in tensor["bits"])


def elements(tensor):
    return ruled(tensor) if "rule" in tensor else listed(tensor)


def array(tensor):
    values = np.frombuffer(elements(tensor), KINDS[tensor["dtype"]]).reshape(tensor["shape"])
    return rnnloss.bfloat16(values) if tensor["dtype"] == "BF16" else values


def bits(value):
    return struct.pack("<d", value).hex()


def same_number(value, expected):
    number = float("nan") if expected["hex"] == "nan" else float.fromhex(expected["hex"])
    assert isinstance(value, float)
    assert bits(value) == bits(number)


def same_gradients(found, expected):
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        is_wrapped = isinstance(found[name], rnnloss.bfloat16)
        values = found[name].bits if is_wrapped else found[name]
        assert is_wrapped == (gradient["dtype"] == "BF16")
        assert values.dtype == np.dtype(KINDS[gradient["dtype"]])
        assert list(values.shape) == gradient["shape"]
        data = values.tobytes()
        if "bits" in gradient:
            assert data == listed(gradient)
        else:
            assert hashlib.sha256(data).hexdigest() == gradient["sha256"]
            unsigned = values.reshape(-1).view(f"<u{values.itemsize}")
            assert [[i, f"{unsigned[i]:0{2 * values.itemsize}x}"] for i, _ in gradient["sample"]] == gradient["sample"]


def same_answer(answer, vector):
    expected, weights = vector["expect"], vector["lambdas"]
    same_number(answer.loss, expected["loss"])
    assert list(answer.terms) == list(expected["terms"])
    for name, term in expected["terms"].items():
        same_number(answer.terms[name].loss, term["loss"])
        same_number(answer.terms[name].unweighted, term["unweighted"])
        same_number(answer.terms[name].lambda_, weights[name])
        same_gradients(answer.terms[name].gradients, term.get("gradients", {}))
    same_gradients(answer.gradients, expected.get("gradients", {}))
    assert sorted(answer.unused) == sorted(expected["unused"])
    assert sorted(answer.warnings) == sorted(expected["warnings"])
    assert answer.contract == 1


def valid(client, vector):
    """Asks for a vector by the client's own means, and for its bytes."""
    weights = {f"lambda_{name}": float.fromhex(weight["hex"]) for name, weight in vector["lambdas"].items()}
    tensors = {name: array(tensor) for name, tensor in vector["tensors"].items()}
    for encoding in MEDIA_TYPES:
        same_answer(client.loss(weights, tensors, encoding=encoding, **vector["options"]), vector)
    for encoding, body in bodies(vector).items():
        answer = client.request("POST", "/loss", body, content_type=MEDIA_TYPES[encoding],
                                accept=MEDIA_TYPES["safetensors"])  # fmt: skip
        header = int.from_bytes(answer.body[:8], "little")
        assert hashlib.sha256(answer.body[8 + header :]).hexdigest() == vector["expect"]["data_sha256"]


def bodies(vector):
    """A vector's own requests, whole."""
    found = {}
    data = {name: elements(tensor) for name, tensor in vector.get("tensors", {}).items()}
    generated = "generated" in vector["flags"]
    if "json" in vector:
        text = vector["json"]
        for name in data if generated else ():
            text = text.replace(f'"@{name}"', f'"{base64.b64encode(data[name]).decode()}"')
        found["json"] = text.encode()
    if "safetensors" in vector:
        found["safetensors"] = base64.b64decode(vector["safetensors"]) + b"".join(data.values() if generated else ())
    for encoding, digest in vector.get("sha256", {}).items():
        assert hashlib.sha256(found[encoding]).hexdigest() == digest
    return found


def invalid(client, vector):
    """Posts a vector that is to be refused."""
    asked = bodies(vector)
    assert asked
    for encoding, body in asked.items():
        with pytest.raises(rnnloss.Error) as caught:
            client.request("POST", "/loss", body, content_type=MEDIA_TYPES[encoding])
        assert (caught.value.status, caught.value.type) == (vector["problem"]["status"], vector["problem"]["type"])


def test_every_vector(client, capsys):
    overview = client.vectors()
    names = [entry["id"] for entry in overview["vectors"]]
    assert len(names) == overview["count"] > 300
    for name in names:
        vector = client.vector(name)
        try:
            (valid if vector["result"] == "valid" else invalid)(client, vector)
        except Exception as error:
            raise AssertionError(f"vector {name}: {vector['comment']}") from error
    with capsys.disabled():
        print(f"\nconformance: {len(names)} vectors")


def test_raw_bytes_of_vectors(client):
    for form, media_type in MEDIA_TYPES.items():
        body = client.request("GET", f"/vectors/fr_sd-by-hand?form={form}").body
        answer = client.request("POST", "/loss", body, content_type=media_type, accept="application/json").json()
        assert answer["loss"] == 1.0
        assert answer["gradients"]["fr"] is not None
