#!/usr/bin/env python3
"""PyTorch workers, in F32 and F64, before the judge: the right ones pass, each mistake is named.

    tests/validation/torch_test.py [RNNLOSSD]     (with a Python that has torch: Debian's python3-torch)

`make test-validation` runs it.
"""
import json
import os
import re
import struct
import subprocess
import sys
import unittest
import urllib.request

try:
    import torch
except ImportError:
    sys.exit(f"torch_test: {sys.executable} has no torch (Debian: apt-get install python3-torch)")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = {torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64"}
LAMBDAS = {"mse": 1.0, "in": 0.01, "hid": 0.02, "out": 0.03, "fr": 0.1, "fr_sd": 0.2, "fr_cv": 0.05}
URL = None


def losses(x):
    """The seven terms as documented."""
    m = x["fr"].mean(dim=(0, 1))
    sd = m.std(unbiased=False)
    return {"mse": (x["pred"] - x["target"]).pow(2).mean(), "in": x["w_in"].pow(2).mean(), "hid": x["w_hid"].pow(2).mean(),
            "out": x["w_out"].pow(2).mean(), "fr": x["fr"].pow(2).mean(), "fr_sd": sd, "fr_cv": sd / m.mean()}


def nn4n_1_0_3(x):
    squared, absolute = x["fr"].mean(dim=(0, 1)).pow(2), x["fr"].abs().mean(dim=0)
    return {**losses(x), "fr": squared.mean(), "fr_sd": squared.std(), "fr_cv": absolute.std() / absolute.mean()}


def nn4n_1_2_0(x):
    m, absolute = x["fr"].mean(dim=(0, 1)), x["fr"].abs().mean(dim=(0, 1))
    return {**losses(x), "fr": m.pow(2).mean(), "fr_sd": m.std(), "fr_cv": absolute.std() / absolute.mean()}


def batch(dtype, batch_size=16, time=40, n_in=5, n_hid=48, n_out=3):
    torch.manual_seed(7)
    bias = 0.4 + 0.5 * torch.randn(n_hid, dtype=torch.float64)
    x = {"pred": torch.randn(batch_size, time, n_out, dtype=torch.float64), "target": torch.randn(batch_size, time, n_out, dtype=torch.float64),
         "fr": torch.tanh(bias + 0.8 * torch.randn(batch_size, time, n_hid, dtype=torch.float64)),
         "w_in": torch.randn(n_hid, n_in, dtype=torch.float64), "w_hid": torch.randn(n_hid, n_hid, dtype=torch.float64),
         "w_out": torch.randn(n_out, n_hid, dtype=torch.float64)}
    return {k: v.to(dtype).requires_grad_(k != "target") for k, v in x.items()}


def worker(x, definition=losses):
    """All that a worker may claim, by dotted name."""
    terms = definition(x)
    weighted = {k: LAMBDAS[k] * v for k, v in terms.items()}
    total = sum(weighted.values())
    total.backward()
    claims = {"loss": total}
    for k in terms:
        claims[f"terms.{k}.loss"], claims[f"terms.{k}.unweighted"] = weighted[k], terms[k]
    claims.update({"gradients." + k: v.grad for k, v in x.items() if v.grad is not None})
    return {k: v.detach() for k, v in claims.items()}


def raw(tensor):
    flat = tensor.detach().contiguous().reshape(-1)
    if tensor.dtype in (torch.float16, torch.bfloat16):
        return b"".join(struct.pack("<h", i) for i in flat.view(torch.int16).tolist())
    return struct.pack(f"<{flat.numel()}{'f' if tensor.dtype == torch.float32 else 'd'}", *flat.tolist())


def judge(x, claims, query=""):
    header, data = {"__metadata__": {"lambda_" + k: repr(v) for k, v in LAMBDAS.items()}}, b""
    for name, tensor in {**x, **{"claims." + k: v for k, v in claims.items()}}.items():
        own = raw(tensor)
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(own)]}
        data += own
    text = json.dumps(header).encode()
    body = struct.pack("<Q", len(text)) + text + data
    request = urllib.request.Request(URL + "/validate" + query, body, {"Content-Type": "application/vnd.safetensors"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


class Torch(unittest.TestCase):
    def ids(self, report, claim):
        return [entry["id"] for entry in report["claims"][claim].get("diagnosis", [])]

    def check(self, report, valid):
        wrong = {k: (v["verdict"], v.get("claimed"), v.get("canonical")) for k, v in report["claims"].items() if v["verdict"] != "pass"}
        self.assertIs(report["valid"], valid, wrong)

    def test_right(self):
        for dtype in (torch.float32, torch.float64):
            x = batch(dtype)
            report = judge(x, worker(x))
            self.check(report, True)
            self.assertEqual(report["tolerance"]["source"], "torch.testing.assert_close, " + NAMES[dtype])
            self.assertEqual(len(report["claims"]), 1 + 14 + 5)

    def test_narrow(self):
        """F16 and BF16 tensors, losses computed in F32 as autocast does."""
        for dtype in (torch.float16, torch.bfloat16):
            x = batch(dtype)
            wide = {k: v.detach().float().requires_grad_(v.requires_grad) for k, v in x.items()}
            self.check(judge(x, worker(wide)), True)

    def test_json_nested(self):
        """Nested arrays of an F32 worker: within F32's tolerance, which has to be stated."""
        x = batch(torch.float32, 3, 4, 2, 5, 2)
        claims = worker(x)
        body = {"lambdas": {"lambda_" + k: v for k, v in LAMBDAS.items()}, "tensors": {k: v.tolist() for k, v in x.items()},
                "claims": {"loss": claims["loss"].item(), "gradients": {"fr": claims["gradients.fr"].tolist()}}, "tolerance": {"dtype": "F32"}}
        with urllib.request.urlopen(URL + "/validate", json.dumps(body).encode()) as answer:
            self.check(json.load(answer), True)

    def test_releases(self):
        for dtype in (torch.float32, torch.float64):
            x = batch(dtype)
            report = judge(x, worker(x, nn4n_1_0_3))
            self.assertEqual((self.ids(report, "loss")[:1], self.ids(report, "gradients.fr")), (["nn4n-1.0.3"], ["nn4n-1.0.3"]))

    def test_release(self):
        x = batch(torch.float32)
        report = judge(x, worker(x, nn4n_1_2_0))
        self.check(report, False)
        self.assertEqual(self.ids(report, "loss")[:1], ["nn4n-1.2.0"])
        self.assertEqual(self.ids(report, "gradients.fr"), ["nn4n-1.2.0"])
        for term, name in (("fr", "mean-rate-squared"), ("fr_sd", "sample-sd"), ("fr_cv", "sample-sd+absolute-rate")):
            self.assertEqual(self.ids(report, f"terms.{term}.loss")[:1], [name])

    def test_detached_mean(self):
        x = batch(torch.float32)
        m = x["fr"].mean(dim=(0, 1))
        (LAMBDAS["fr_cv"] * m.std(unbiased=False) / m.mean().detach()).backward()
        report = judge(x, {"terms.fr_cv.gradients.fr": x["fr"].grad})
        self.assertEqual(self.ids(report, "terms.fr_cv.gradients.fr"), ["through-mean"])

    def test_sum_reduction(self):
        x = batch(torch.float32)
        loss = torch.nn.functional.mse_loss(x["pred"], x["target"], reduction="sum")
        loss.backward()
        report = judge(x, {"terms.mse.loss": loss.detach(), "terms.mse.gradients.pred": x["pred"].grad})
        self.assertEqual(self.ids(report, "terms.mse.loss")[:1], ["sum"])
        self.assertEqual(self.ids(report, "terms.mse.gradients.pred"), ["sum"])

    def test_definitions(self):
        """What autograd makes of other definitions."""
        definitions = {
            ("pooled-sd", "fr_sd", "fr"): lambda x: x["fr"].std(unbiased=False),
            ("variance", "fr_sd", "fr"): lambda x: x["fr"].mean(dim=(0, 1)).var(unbiased=False),
            ("sample-sd", "fr_sd", "fr"): lambda x: x["fr"].mean(dim=(0, 1)).std(),
            ("temporal-sd", "fr_cv", "fr"): lambda x: x["fr"].std(dim=(0, 1), unbiased=False).mean() / x["fr"].mean(),
            ("inverse", "fr_cv", "fr"): lambda x: x["fr"].mean() / x["fr"].mean(dim=(0, 1)).std(unbiased=False),
            ("mean-rate-absolute", "fr", "fr"): lambda x: x["fr"].mean(dim=(0, 1)).abs().mean(),
            ("frobenius", "hid", "w_hid"): lambda x: torch.linalg.norm(x["w_hid"]),
            ("rms", "in", "w_in"): lambda x: x["w_in"].pow(2).mean().sqrt(),
            ("absolute", "mse", "pred"): lambda x: torch.nn.functional.l1_loss(x["pred"], x["target"]),
            ("sum-over-units", "mse", "pred"): lambda x: (x["pred"] - x["target"]).pow(2).sum(-1).mean(),
        }
        for dtype in (torch.float32, torch.float64):
            for (name, term, tensor), value in definitions.items():
                x = batch(dtype)
                (LAMBDAS[term] * value(x)).backward()
                report = judge(x, {f"terms.{term}.gradients.{tensor}": x[tensor].grad})
                self.assertEqual(self.ids(report, f"terms.{term}.gradients.{tensor}")[:1], [name], dtype)

    def test_transposed(self):
        """A worker whose input weights are [N_in, N_hid]."""
        x = batch(torch.float32)
        x["w_in"].pow(2).mean().mul(LAMBDAS["in"]).backward()
        report = judge(x, {"gradients.w_in": x["w_in"].grad.T})
        self.assertEqual((report["valid"], self.ids(report, "gradients.w_in")), (False, ["transposed"]))


def main():
    global URL
    program = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "rnnlossd")
    daemon = subprocess.Popen([program, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        URL = re.fullmatch(r"listening on (http://\S+)\n", daemon.stdout.readline().decode())[1]
        result = unittest.TextTestRunner(stream=sys.stdout).run(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]))
    finally:
        daemon.terminate()
        status = daemon.wait(30)
    failed = len(result.failures) + len(result.errors) + (status != 0)
    print(f"{result.testsRun - len(result.failures) - len(result.errors)} passed, {failed} failed")
    sys.exit(1 if failed or not result.testsRun else 0)


if __name__ == "__main__":
    main()
