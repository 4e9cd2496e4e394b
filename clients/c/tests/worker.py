#!/usr/bin/env python3
"""A worker in plain Python floats, to be certified: a request of POST /loss on standard input, its answer on standard output.

    worker.py [MISTAKE...]      sample-sd, mean-rate-squared, sum, sign, no-pred (a gradient is left out), accept (refuses nothing),
                                crash, hang, chatter: what an implementation may get wrong

No exact arithmetic: sums of doubles in sequence, as anybody would write them.
"""
import base64
import json
import math
import struct
import sys
import time

WRONG = set(sys.argv[1:])
NEEDS = {"mse": ("pred", "target"), "in": ("w_in",), "hid": ("w_hid",), "out": ("w_out",), "fr": ("fr",), "fr_sd": ("fr",), "fr_cv": ("fr",)}
NAMES = ("pred", "target", "fr", "w_in", "w_hid", "w_out")
WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
LARGEST = {"F16": 65520.0, "BF16": 3.3961775292304957e38, "F32": 3.4028235677973366e38, "F64": math.inf}  # what rounds to an infinity
CODES = {"F16": ("e", 2), "BF16": ("f", 4), "F32": ("f", 4), "F64": ("d", 8)}


class Problem(Exception):
    pass


def refuse(kind):
    raise Problem(kind)


def narrow(dtype, x):
    """x rounded to the dtype."""
    if dtype == "F64" or not math.isfinite(x):
        return x
    if abs(x) >= LARGEST[dtype]:
        return math.copysign(math.inf, x)
    if dtype == "BF16":
        bits, = struct.unpack("<I", struct.pack("<f", x))
        bits = bits + 0x7fff + (bits >> 16 & 1) & 0xffff0000
        return struct.unpack("<f", struct.pack("<I", bits))[0]
    code = "<" + CODES[dtype][0]
    return struct.unpack(code, struct.pack(code, x))[0]


# ---- the request ----

def once(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        refuse("duplicate")
    return dict(pairs)


def parse(text):
    try:
        text = text.decode("utf-8")
        depth = deepest = 0
        for c in text:
            depth += (c in "[{") - (c in "]}")
            deepest = max(deepest, depth)
        if deepest > 64:
            refuse("malformed-json")
        return json.loads(text, object_pairs_hook=once, parse_constant=lambda _: refuse("malformed-json"))
    except ValueError:
        refuse("malformed-json")


def number(dtype, value):
    if value in ("NaN", "Infinity", "-Infinity"):
        return WORDS[value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        refuse("invalid-data")
    if not abs(value) < LARGEST[dtype]:
        refuse("invalid-data")
    return narrow(dtype, float(value))


class Tensor:
    """dtype, shape and elements, and the form in which it came: nested, data or data_base64."""

    def __init__(self, given):
        self.dtype, self.form = "F64", "nested"
        if isinstance(given, list):
            self.shape, self.data = self.nested(given), self.flat(given)
        elif isinstance(given, dict):
            self.described(given)
        else:
            refuse("invalid-data")
        if not 1 <= len(self.shape) <= 8 or 0 in self.shape:
            refuse("invalid-shape")
        if len(self.data) != math.prod(self.shape):
            refuse("invalid-data")

    def described(self, given):
        self.dtype, self.shape = given.get("dtype"), given.get("shape")
        if self.dtype not in LARGEST:
            refuse("unsupported-dtype")
        if ("data" in given) == ("data_base64" in given):
            refuse("invalid-data")
        self.form = "data" if "data" in given else "data_base64"
        self.data = self.flat(given["data"]) if self.form == "data" else self.bytes(given["data_base64"])

    def nested(self, given):
        if not given or not isinstance(given[0], list):
            return [len(given)]
        shapes = [self.nested(item) if isinstance(item, list) else refuse("invalid-data") for item in given]
        return [len(given), *shapes[0]] if all(s == shapes[0] for s in shapes) else refuse("invalid-data")

    def flat(self, given):
        return [x for item in given for x in (self.flat(item) if isinstance(item, list) else (number(self.dtype, item),))]

    def bytes(self, text):
        try:
            data = base64.b64decode(text, validate=True)
        except ValueError:
            refuse("invalid-data")
        if base64.b64encode(data).decode() != text:
            refuse("invalid-data")
        code, size = CODES[self.dtype]
        if self.dtype == "BF16":
            data = b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2))
        return list(struct.unpack(f"<{len(data) // size}{code}", data)) if len(data) % size == 0 else refuse("invalid-data")

    def print(self, values, dtype):
        """A gradient, in the form of its tensor."""
        if self.form == "data_base64":
            code, _ = CODES[dtype]
            packed = [struct.pack("<" + code, x)[2 if dtype == "BF16" else 0:] for x in values]
            return {"dtype": dtype, "shape": self.shape, "data_base64": base64.b64encode(b"".join(packed)).decode()}
        values = [words(x) for x in values]
        if self.form == "data":
            return {"dtype": dtype, "shape": self.shape, "data": values}
        for size in reversed(self.shape[1:]):
            values = [values[i:i + size] for i in range(0, len(values), size)]
        return values


def words(x):
    return x if math.isfinite(x) else "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def read(text):
    request = parse(text)
    known = {"lambdas", "tensors", "gradients", "wrt", "gradient_dtype", "nonfinite", "contract", "digest"}
    if not isinstance(request, dict) or set(request) - known:
        refuse("invalid-request")
    choices = {"gradients": ("total", "per_term", "none"), "gradient_dtype": ("F32", "F64"), "nonfinite": ("error", "propagate")}
    for name, values in choices.items():
        if name in request and request[name] not in values:
            refuse("invalid-request")
    if request.get("contract", 1) != 1:
        refuse("unknown-contract")
    lambdas, tensors = request.get("lambdas", {}), request.get("tensors", {})
    if not isinstance(lambdas, dict) or not isinstance(tensors, dict):
        refuse("invalid-request")
    for name, value in lambdas.items():
        if name.removeprefix("lambda_") not in NEEDS or not name.startswith("lambda_"):
            refuse("unknown-lambda")
        if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            refuse("invalid-lambda")
    if set(tensors) - set(NAMES):
        refuse("unknown-tensor")
    x = {name: Tensor(tensors[name]) for name in NAMES if name in tensors}
    if request.get("nonfinite") != "propagate" and not all(math.isfinite(v) for t in x.values() for v in t.data):
        refuse("non-finite")
    active = {t: float(lambdas["lambda_" + t]) for t in NEEDS if lambdas.get("lambda_" + t, 0) > 0}
    check_shapes(active, x)
    wrt = request.get("wrt")
    if wrt is not None and (len(set(wrt)) < len(wrt) or set(wrt) - set(x)):
        refuse("invalid-request")
    return request, active, x


def check_shapes(active, x):
    if any(name not in x for t in active for name in NEEDS[t]):
        refuse("missing-tensor")
    if "pred" in x and "target" in x and x["pred"].shape != x["target"].shape:
        refuse("shape-mismatch")
    if any(len(x[name].shape) != 2 for name in ("w_in", "w_hid", "w_out") if name in x):
        refuse("invalid-shape")
    if "w_hid" in x and x["w_hid"].shape[0] != x["w_hid"].shape[1]:
        refuse("shape-mismatch")
    if "w_hid" in x and "fr" in x and x["w_hid"].shape[0] != x["fr"].shape[-1]:
        refuse("shape-mismatch")


# ---- the losses ----

def square_mean(values):
    return sum(v * v for v in values) / (1 if "sum" in WRONG else len(values))


def rates(t):
    n = t.shape[-1]
    rows = len(t.data) // n
    means = [sum(t.data[i::n]) / rows for i in range(n)]
    mu = sum(means) / n
    deviations = [m - mu for m in means]
    over = n - 1 if "sample-sd" in WRONG and n > 1 else n
    return means, mu, deviations, math.sqrt(sum(d * d for d in deviations) / over), rows


def value(term, x):
    if term == "mse":
        return square_mean([p - t for p, t in zip(x["pred"].data, x["target"].data)])
    if term not in ("fr_sd", "fr_cv"):
        name = NEEDS[term][0]
        return square_mean(rates(x[name])[0] if term == "fr" and "mean-rate-squared" in WRONG else x[name].data)
    _, mu, _, sd, _ = rates(x["fr"])
    if term == "fr_cv" and mu == 0:
        refuse("undefined")
    return sd if term == "fr_sd" else sd / mu


def gradient(term, lam, name, x):
    sign = -1 if "sign" in WRONG else 1
    t = x[name]
    count = len(t.data)
    if term == "mse":
        sign = sign if name == "pred" else -sign
        return [sign * 2 * lam / count * (p - q) for p, q in zip(x["pred"].data, x["target"].data)]
    if term not in ("fr_sd", "fr_cv"):
        return [sign * 2 * lam / count * v for v in t.data]
    _, mu, deviations, sd, rows = rates(t)
    if term == "fr_sd":
        c = [lam * d / (sd * count) if sd else 0.0 for d in deviations]
    else:
        c = [lam / count * ((d / (sd * mu) if sd else 0.0) - sd / mu / mu) for d in deviations]
    return [sign * v for v in c] * rows


def evaluate(request, active, x):
    terms = {}
    for t, lam in active.items():
        plain = value(t, x)
        terms[t] = {"lambda": lam, "loss": lam * plain, "unweighted": plain}
    used = [name for name in NAMES if name in x and any(name in NEEDS[t] for t in active)]
    wrt = request.get("wrt", [name for name in used if name != "target"])
    dtype = {name: request.get("gradient_dtype", x[name].dtype) for name in x}
    own = {t: {name: gradient(t, lam, name, x) for name in NEEDS[t] if name in wrt} for t, lam in active.items()}
    if request.get("nonfinite") != "propagate" and not all(math.isfinite(v) for t in terms.values() for v in t.values()):
        refuse("overflow")
    answer = {"loss": sum(t["loss"] for t in terms.values()), "terms": terms, "unused": [n for n in NAMES if n in x and n not in used],
              "contract": 1}
    if request.get("nonfinite") != "propagate" and not math.isfinite(answer["loss"]):
        refuse("overflow")
    mode = request.get("gradients", "total")
    if mode != "none":
        answer["gradients"] = {}
        for name in (n for n in NAMES if n in wrt and not (n == "pred" and "no-pred" in WRONG)):
            parts = [own[t][name] for t in active if name in own[t]]
            total = [sum(values) for values in zip(*parts)] if parts else [0.0] * len(x[name].data)
            answer["gradients"][name] = x[name].print([narrow(dtype[name], v) for v in total], dtype[name])
    if mode == "per_term":
        for t in active:
            terms[t]["gradients"] = {n: x[n].print([narrow(dtype[n], v) for v in g], dtype[n]) for n, g in own[t].items()}
    for t in terms.values():
        t["loss"], t["unweighted"] = words(t["loss"]), words(t["unweighted"])
    answer["loss"] = words(answer["loss"])
    return answer


def main():
    text = sys.stdin.buffer.read()
    if "crash" in WRONG:
        import os
        os.abort()
    if "hang" in WRONG:
        time.sleep(60)
    if "chatter" in WRONG:
        print("epoch 1")
    try:
        try:
            answer = evaluate(*read(text))
        except OverflowError:
            refuse("overflow")
    except Problem as problem:
        if "accept" in WRONG:
            print('{"loss": 0.0, "terms": {}}')
            return 0
        print(json.dumps({"type": "#" + str(problem)}))
        return 1
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
