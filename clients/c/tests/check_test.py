#!/usr/bin/env python3
"""rnnloss-check as a user sees it: files and vectors, right and wrong, what it prints and how it ends.

    check_test.py RNNLOSS-CHECK      (tests/clients/run has the environment)
"""
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
URL = os.environ["RNNLOSS_TEST_URL"]
CHECK = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
WORKER = [PYTHON, "-S", "-E", os.path.join(HERE, "worker.py")]
CURL = ["curl", "-s", "--data-binary", "@-", URL + "/loss"]
CLAIMS = {"lambdas": {"lambda_fr": 0.5, "lambda_fr_sd": 0.1}, "tensors": {"fr": [[[0.1, 0.2, 0.3, 0.5], [0.3, 0.2, 0.1, 0.6]]]},
          "claims": {"terms": {"fr": 0.055625, "fr_sd": 0.0175}}}
LOSS = {"lambdas": {"lambda_mse": 1.0}, "tensors": {"pred": [[1, 2]], "target": [[0, 2]], "w_in": [[1]]}}


def check(*arguments, stdin="", env=None, url=URL):
    env = dict(os.environ, RNNLOSS_URL=url, **(env or {}))
    return subprocess.run([CHECK, *arguments], input=stdin.encode() if isinstance(stdin, str) else stdin, capture_output=True,
                          env=env, timeout=600)


def vectors(*arguments, **options):
    return check("--vectors", *arguments, **options)


def safetensors(metadata, tensors):
    header, data = {"__metadata__": metadata}, b""
    for name, (shape, values) in tensors.items():
        own = struct.pack(f"<{len(values)}d", *values)
        header[name] = {"dtype": "F64", "shape": shape, "data_offsets": [len(data), len(data) + len(own)]}
        data += own
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class Test(unittest.TestCase):
    maxDiff = None

    def ends(self, result, status):
        self.assertEqual(result.returncode, status, result.stdout.decode() + result.stderr.decode())
        return result.stdout.decode()


class Files(Test):
    def test_loss(self):
        out = self.ends(check("-", stdin=json.dumps(LOSS)), 0)
        self.assertEqual(out, "term   λ    loss  unweighted\nmse    1.0  0.5   0.5\ntotal       0.5\nunused: w_in\n")

    def test_loss_options(self):
        out = self.ends(check("--lambda", "in=0.5", "--lambda=lambda_hid=0", "--option", "digest=1", "-", stdin=json.dumps(LOSS)), 0)
        self.assertRegex(out, r"(?m)^in +0\.5 +0\.5 +1\.0$")
        self.assertRegex(out, r"(?m)^inputs: sha256 [0-9a-f]{64}$")

    def test_file_and_name(self):
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "batch.safetensors")
            with open(name, "wb") as file:
                file.write(safetensors({"lambda_fr": "2"}, {"fr": ([1, 2], [1, 2])}))
            self.assertRegex(self.ends(check(name, "--color", "never"), 0), r"(?m)^fr +2\.0 +5\.0 +2\.5$")
        self.ends(check(os.path.join(folder, "gone")), 2)

    def test_safetensors_claims(self):
        body = safetensors({"lambda_fr": "2"}, {"fr": ([1, 2], [1, 2]), "claims.terms.fr.loss": ([], [5.0]), "claims.gradients.fr": ([1, 2], [2.0, 4.0])})
        out = self.ends(check("-", stdin=body), 0)
        self.assertIn("\nvalid: 2 of 2 claims pass; tolerance: torch.testing.assert_close, F64, rtol 1e-07, atol 1e-07\n", out)
        out = self.ends(check("--loss", "-", stdin=body), 2)

    def test_gradients_of_the_file(self):
        for body in (json.dumps(dict(LOSS, gradients="total", wrt=["pred"])), json.dumps(dict(LOSS, wrt=[])),
                     safetensors({"lambda_fr": "2", "gradients": "total"}, {"fr": ([1, 2], [1, 2])})):
            self.ends(check("-", stdin=body), 0)
        self.ends(check("--option", "gradients=per_term", "-", stdin=json.dumps(LOSS)), 0)

    def test_claims(self):
        result = check("-", stdin=json.dumps(CLAIMS))
        out = self.ends(result, 1)
        self.assertRegex(out, r"(?m)^terms\.fr\.loss +0\.055625 +0\.055625 +\S+ +\S+ +pass$")
        self.assertRegex(out, r"(?m)^terms\.fr_sd\.loss +0\.0175 +0\.015155444566227676 +0\.155 +1\.35e\+15 +FAIL$")
        self.assertIn("  sample-sd: Sample standard deviation (n - 1) instead of the population one (n) (as in nn4n-1.2.0)\n"
                      "    claim = sqrt(n / (n - 1)) * value\n    fix: unbiased=False", out)
        self.assertIn("\nnot valid: 1 of 2 claims pass", out)

    def test_tolerance(self):
        self.assertIn("as requested", self.ends(check("--rtol", "0.5", "--atol", "0", "-", stdin=json.dumps(CLAIMS)), 0))
        self.assertIn("3 ulps of F32", self.ends(check("--ulps", "3", "--tolerance-dtype", "F32", "-", stdin=json.dumps(CLAIMS)), 1))

    def test_inconclusive(self):
        tiny = {"lambdas": {"lambda_fr": 1e-20}, "tensors": {"fr": [[1.0]]}, "claims": {"loss": 0.0}}
        self.assertIn("\ninconclusive: 0 of 1 claims pass", self.ends(check("-", stdin=json.dumps(tiny)), 1))

    def test_gradient(self):
        wrong = dict(CLAIMS, claims={"gradients": {"fr": [[[0.0] * 4] * 2]}})
        out = self.ends(check("-", stdin=json.dumps(wrong)), 1)
        self.assertIn("8 of 8 elements differ, cosine nan", out.lower())
        self.assertIn("first at [0, 0, 0]: claimed 0.0, canonical 0.005", out)
        self.assertIn("  zero: ", out)

    def test_json(self):
        report = json.loads(self.ends(check("--format", "json", "-", stdin=json.dumps(CLAIMS)), 1))
        self.assertIs(report["valid"], False)
        answer = json.loads(self.ends(check("--format=json", "-", stdin=json.dumps(LOSS)), 0))
        self.assertEqual(answer["gradients"], {"pred": [[1.0, 0.0]]})

    def test_problems(self):
        result = check("--format", "json", "-", stdin='{"lambdas": {"lambda_fr_vc": 1}}')
        self.assertEqual(json.loads(self.ends(result, 2))["type"], "unknown-lambda")
        error = check("-", stdin=json.dumps(dict(LOSS, lambdas={"lambda_in": -1}))).stderr.decode()
        self.assertIn("rnnloss-check: invalid-lambda (422): ", error)
        self.assertIn("\n  at /lambdas/lambda_in\n  request id ", error)
        self.ends(check("--validate", "-", stdin=json.dumps(LOSS)), 2)
        self.ends(check("-", stdin=""), 2)
        self.ends(check("-", stdin="{"), 2)
        result = check("-", stdin="{}", url=os.environ["RNNLOSS_TEST_CLOSED"])
        self.ends(result, 2)
        self.assertIn(b"unreachable", result.stderr)

    def test_usage(self):
        for arguments in ([], ["--vectors"], ["--frob", "x"], ["--url"], ["a", "b"], ["--exact", "a"], ["--vectors", "--loss", "a"],
                          ["--rtol", "x", "a"], ["--rtol", "-1", "a"], ["--lambda", "fr", "a"], ["--format", "xml", "a"], ["--vectors", "--jobs", "0", "a"],
                          ["--tolerance-dtype", "F8", "a"], ["--vectors", "--exact", "--rtol", "1", "a"], ["--loss=1", "a"], ["--url", "ftp://x", "a"],
                          ["--vectors", "--only", "no-such-vector", "true"], ["a", "--jobs", "2"]):
            with self.subTest(arguments):
                result = check(*arguments)
                self.ends(result, 2)
                self.assertTrue(result.stderr.startswith(b"rnnloss-check: "), result.stderr)
        self.assertIn("--vectors", self.ends(check("--help"), 0))
        self.assertRegex(self.ends(check("--version"), 0), r"^rnnloss-check \d+\.\d+\.\d+\n$")

    def test_manual_has_all_options(self):
        flags = set(re.findall(r"--([a-z-]+)", self.ends(check("--help"), 0))) - {""}
        with open(os.path.join(HERE, "..", "tool", "rnnloss-check.1"), encoding="utf-8") as page:
            text = page.read()
        self.assertEqual([flag for flag in flags if f"-{flag}" not in text], [])
        self.assertGreater(len(flags), 20)

    def test_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "token")
            with open(name, "w", encoding="ascii") as file:
                file.write(os.environ["RNNLOSS_TEST_TOKEN"] + "\n")
            security = ["--ca", os.environ["RNNLOSS_TEST_CA"], "--cert", os.environ["RNNLOSS_TEST_CERT"], "--key", os.environ["RNNLOSS_TEST_KEY"]]
            arguments = ["--url", os.environ["RNNLOSS_TEST_TLS_URL"], *security]
            self.ends(check(*arguments, "--token-file", name, "-", stdin="{}"), 0)
            self.assertIn(b"unauthorized (401)", check(*arguments, "-", stdin="{}").stderr)
            self.assertIn(b"unreachable", check("--url", os.environ["RNNLOSS_TEST_TLS_URL"], "-", stdin="{}").stderr)

    def test_color(self):
        self.assertIn("\033[1;31mFAIL\033[0m", self.ends(check("--color", "always", "-", stdin=json.dumps(CLAIMS)), 1))
        self.assertNotIn("\033", self.ends(check("-", stdin=json.dumps(CLAIMS)), 1))


class Vectors(Test):
    def test_right(self):
        """A worker in plain floats passes all that floats can get right."""
        result = vectors("--jobs", "2", "--", *WORKER)
        out = self.ends(result, 0)
        self.assertRegex(out.splitlines()[-1], r"^3\d\d passed, 0 failed, \d\d skipped$")
        self.assertEqual(result.stderr, b"")

    def test_exact(self):
        """The daemon itself is right to the bit; plain floats are not."""
        out = self.ends(vectors("--exact", "--jobs", "2", "--", *CURL), 0)
        self.assertRegex(out.splitlines()[-1], r"^3\d\d passed, 0 failed, 15 skipped$")
        out = self.ends(vectors("--exact", "--only", "by-hand", "--", *WORKER), 1)
        self.assertIn("FAIL fr_sd-irrational-by-hand", out)
        self.assertRegex(out, r"gradients\.fr\[0, 2\] +claimed 0\.4714045207910318 +expected 0\.4714045207910317 +2 ulps")
        self.assertIn("held to every bit", out)

    def named(self, mistake, only, *ids):
        out = self.ends(vectors("--only", only, "--", *WORKER, mistake), 1)
        seems = out.partition("What it seems to compute instead:")[2]
        for name in ids:
            self.assertRegex(seems, rf"(?m)^  {name} \(\d+ vectors?\): ", out)
        return out

    def test_mistakes_are_named(self):
        out = self.named("sample-sd", "by-hand", "sample-sd")
        self.assertRegex(out, r"(?m)^FAIL fr_sd-by-hand: .*\n(  .*\n)*  as sample-sd: Sample standard deviation")
        self.assertIn("    fix: unbiased=False (or correction=0) in torch.std", out)
        self.named("mean-rate-squared", "by-hand", "mean-rate-squared")
        self.named("sum", "by-hand", "sum")
        self.named("sign", "mse-by-hand", "sign")

    def test_large(self):
        """Elements by the rule, and gradients by their digest."""
        self.ends(vectors("--only", "generated", "--jobs", "2", "--", *WORKER), 0)
        out = self.ends(vectors("--exact", "--only", "large-mse-f32", "--", *WORKER, "sign"), 1)
        self.assertRegex(out, r"gradients\.pred\[0, 0, 1\] +claimed -0\.\d+ +expected 0\.\d+")

    def test_missing(self):
        for how in ([], ["--exact"]):
            out = self.ends(vectors(*how, "--only", "mse-by-hand", "--", *WORKER, "no-pred"), 1)
            self.assertRegex(out, r"(?m)^  gradients\.pred +claimed missing +expected a gradient$")

    def fails(self, reason, *command, only="fr_cv-undefined", arguments=()):
        out = self.ends(vectors("--only", only, *arguments, "--", *command), 1)
        self.assertIn(reason, out)

    def test_failures(self):
        self.fails("it answered, but this must be refused: undefined", *WORKER, "accept")
        self.fails("refused as overflow instead of undefined", "echo", '{"type": "#overflow"}')
        self.fails("it crashed: signal 6 (Aborted)", *WORKER, "crash")
        self.fails("it wrote nothing", "true")
        self.fails("exit status 3, and nothing on its output: alas", "sh", "-c", "echo alas >&2; exit 3")
        self.fails("its output is no JSON: epoch 1.", *WORKER, "chatter")
        self.fails("it refused what is valid, as overflow", "echo", '{"type": "overflow"}', only="mse-by-hand")
        self.fails("exit status 1, in spite of an answer", "sh", "-c", "echo '{\"loss\": 1}'; exit 1", only="mse-by-hand")
        self.fails("nothing of what is expected", "echo", "{}", only="mse-by-hand")
        self.fails("nothing of what is expected", "echo", "[]", only="mse-by-hand")
        self.fails("can't be judged: invalid-claim", "echo", '{"loss": "much"}', only="mse-by-hand")
        self.fails("claimed \"much\"", "echo", '{"loss": "much"}', only="mse-by-hand", arguments=["--exact"])
        self.fails("nested otherwise than its tensor", "echo", '{"loss": 1.25, "gradients": {"pred": [0.5, 0, 0, 1]}}', only="mse-by-hand",
                   arguments=["--exact"])

        self.fails("nested otherwise than its tensor", "echo", '{"loss": 1.25, "gradients": {"pred": [[0.5], [0, 0, 1]]}}', only="mse-by-hand",
                   arguments=["--exact"])

    def test_digest(self):
        """One bit of a large gradient, at an element that no sample has."""
        script = ("import base64, json, sys, urllib.request\n"
                  f"answer = json.load(urllib.request.urlopen('{URL}/loss', sys.stdin.buffer.read()))\n"
                  "gradient = answer['gradients']['pred']\ndata = bytearray(base64.b64decode(gradient['data_base64']))\ndata[4 * 777] ^= 1\n"
                  "gradient['data_base64'] = base64.b64encode(data).decode()\nprint(json.dumps(answer))\n")
        out = self.ends(vectors("--exact", "--only", "large-mse-f32", "--", PYTHON, "-c", script), 1)
        self.assertRegex(out, r"(?m)^  gradients\.pred +claimed [0-9a-f]{64} +expected [0-9a-f]{64}$")

    def test_inconclusive(self):
        """An absolute tolerance may excuse a number, but certifies none."""
        out = self.ends(vectors("--only", "in-subnormal-above-tie", "--", *WORKER), 1)
        self.assertIn("claimed 0.0  expected 5e-324", out)

    def test_other_words_of_exact(self):
        right = '{"loss": 1.25, "terms": {"mse": {"loss": 1.25, "unweighted": 1.25}%s}, "gradients": {"pred": [[0.5, 0.0], [0.0, 1.0]]}%s}'
        self.ends(vectors("--exact", "--only", "mse-by-hand", "--", "echo", right % ("", "")), 0)
        self.fails("warnings", "echo", right % ("", ', "warnings": ["underflow"]'), only="mse-by-hand", arguments=["--exact"])
        self.fails("absent: it is not active", "echo", right % (', "fr": {"loss": 0}', ""), only="mse-by-hand", arguments=["--exact"])

    def test_hang(self):
        began = time.monotonic()
        self.fails("it was ended after 0.3 s", *WORKER, "hang", arguments=["--timeout", "0.3"])
        self.fails("it was ended after 0.3 s", "sh", "-c", "exec >&- 2>&-; sleep 60", arguments=["--timeout=0.3"])
        self.assertLess(time.monotonic() - began, 20)

    def test_what_it_leaves_behind_is_ended(self):
        with tempfile.TemporaryDirectory() as folder:
            name = os.path.join(folder, "pid")
            self.fails("it wrote nothing", "sh", "-c", f"sleep 60 & echo $! >{name}")
            with open(name, encoding="ascii") as file:
                child = int(file.read())
            for _ in range(100):  # a zombie may stay until its new parent looks
                try:
                    with open(f"/proc/{child}/stat", encoding="ascii") as file:
                        if file.read().rpartition(")")[2].split()[0] == "Z":
                            return
                except OSError:
                    return
                time.sleep(0.05)
            self.fail("the child is still there")

    def test_output_beyond_a_pipe(self):
        """More than a pipe holds, both ways, and a command that reads nothing."""
        script = "import sys\nd = sys.stdin.read()\nprint('{\"type\": \"undefined\", \"detail\": \"' + 'x' * 3000000 + '\"}')"
        self.ends(vectors("--only", "fr_cv-undefined", "--skip", "cancelled", "--", PYTHON, "-c", script), 0)
        self.ends(vectors("--only", "large", "--skip", "mse", "--only", "generated", "--", "true"), 1)

    def test_choice(self):
        out = self.ends(vectors("--only", "fr_sd", "--skip", "subnormal", "--skip", "generated", "--", *CURL), 0)
        self.assertIn("fr_sd", re.findall(r"(?m)^(\w+) +\d+ +\d+ +\d+$", out))
        self.assertNotIn("mse", re.findall(r"(?m)^(\w+) +\d+ +\d+ +\d+$", out))
        self.ends(vectors("--only", "fr_sd", "--skip", "fr_sd", "--", *CURL), 2)  # that leaves none
        out = self.ends(vectors("--only", "subnormal", "--", *CURL), 0)  # who names the flag means it
        self.assertRegex(out.splitlines()[-1], r"^1\d passed, 0 failed, 0 skipped$")
        out = self.ends(vectors("--only", "safetensors-tail", "--", "true"), 2)  # nothing tried certifies nothing
        self.assertIn("0 passed, 0 failed, 1 skipped", out)

    def test_tolerances(self):
        off = '{"loss": 1.2500001, "terms": {"mse": {"loss": 1.25, "unweighted": 1.25}}, "gradients": {"pred": [[0.5, 0.0], [0.0, 1.0]]}}'
        for arguments, status in (([], 0), (["--rtol", "1e-9", "--atol", "0"], 1), (["--ulps", "5"], 1), (["--ulps", "5", "--tolerance-dtype", "F32"], 0)):
            self.ends(vectors("--only", "mse-by-hand", *arguments, "--", "echo", off.replace("1.2500001", "1.25000005")), status)

    def test_json(self):
        result = json.loads(self.ends(vectors("--format", "json", "--only", "by-hand", "--", *WORKER, "sample-sd"), 1))
        self.assertEqual(result["passed"] + result["failed"] + result["skipped"], len(result["vectors"]))
        self.assertRegex(result["vectors_sha256"], "^[0-9a-f]{64}$")
        failed = {v["id"]: v for v in result["vectors"] if v["outcome"] == "failed"}
        self.assertIn("sample-sd", [d["id"] for d in failed["fr_sd-by-hand"]["diagnosis"]])
        self.assertEqual(failed["fr_sd-by-hand"]["differences"][0]["claimed"], "1.4142135623730951")

    def test_no_command(self):
        result = vectors("--", "/nowhere/at-all")
        self.ends(result, 2)
        self.assertIn(b"/nowhere/at-all can't be started: No such file", result.stderr)
        self.ends(vectors("--", "true", url=os.environ["RNNLOSS_TEST_CLOSED"]), 2)

    def test_progress(self):
        """One line that is written anew, on a terminal alone."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen([CHECK, "--vectors", "--url", URL, "--only", "by-hand", "--", *CURL], stderr=theirs, stdout=subprocess.PIPE)
        os.close(theirs)
        out, progress = process.stdout.read().decode(), b""
        process.stdout.close()
        try:
            while piece := os.read(ours, 4096):
                progress += piece
        except OSError:
            pass  # the terminal is gone
        os.close(ours)
        self.assertEqual(process.wait(), 0)
        self.assertRegex(progress, rb"\r14 of 14, 0 failed  \S+\x1b\[K\r\x1b\[K$")
        self.assertNotIn(b"\n", progress)
        self.assertNotIn(" of 14", out)

    def test_interrupted(self):
        process = subprocess.Popen([CHECK, "--vectors", "--url", URL, "--", *WORKER, "hang"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=20), 2)
        self.assertEqual(process.stderr.read(), b"rnnloss-check: stopped\n")
        process.stderr.close()


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    outcome = unittest.TextTestRunner(stream=sys.stdout).run(suite)
    bad = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad or not outcome.testsRun else 0)
