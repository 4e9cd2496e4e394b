#!/usr/bin/env python3
"""The daemon against the oracle: random problems, every value and every gradient element to the bit.

    python3 tests/oracle_test.py [RNNLOSSD] [--count N] [--encodings N] [--seed S] [--only INDEX]

RNNLOSSD is the program to test, by default that of the variable RNNLOSSD, or rnnlossd in the folder
of the variable BUILD, or build/rnnlossd. Each of --count problems is sent in --encodings of the 30
combinations of encodings of request and answer. A failed request is written to a temporary folder,
beside the problem as JSON, for which `python3 tests/oracle.py` prints the right answer.
"""
import argparse
import base64
import collections
import http.client
import json
import math
import os
import random
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

import oracle
import problems
import wire
from oracle import F64, FORMATS, Failure, Number

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHOWN = 12  # failures that are printed in full
SHORTEST_CHECKED = 4000  # numbers of one tensor whose brevity is checked


class Mismatch(Exception):
    """What is wrong with an answer."""


def expect(condition, message, *details):
    if not condition:
        raise Mismatch(message.format(*details) if details else message)


# ---- The daemon ----------------------------------------------------------------------------------


class Daemon:
    """A daemon started on a free port, and a few keep-alive connections to it."""

    def __init__(self, path):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RNNLOSSD")}
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([path, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.errors, env=environment)
        try:
            self.port = self.read_port()
        except BaseException:
            self.process.kill()
            raise
        self.connections = [http.client.HTTPConnection("127.0.0.1", self.port, timeout=60) for _ in range(3)]

    def read_port(self):
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        line = self.process.stdout.readline().decode() if ready else ""
        found = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        if not found:
            raise SystemExit(f"the daemon said {line!r} instead of where it listens\n{self.log()}")
        return int(found[1])

    def log(self):
        """The end of what the daemon has written on standard error."""
        self.errors.seek(0)
        return self.errors.read()[-4000:].decode(errors="replace")

    def post(self, request, chunked, rng):
        """(status, headers, body) of the answer."""
        connection = rng.choice(self.connections)
        headers, body = dict(request.headers), request.body
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
            body = wire.pieces(body, rng)
        try:
            connection.request("POST", request.url, body, headers, encode_chunked=chunked)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Mismatch(f"no answer: {error!r}; the daemon's exit status: {self.process.poll()}") from error
        expect(not response.will_close, "the connection was not kept alive (status {})", response.status)
        return response.status, response.headers, answer

    def stop(self):
        """Exit status after SIGTERM."""
        for connection in self.connections:
            connection.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "none within 30 s of SIGTERM"


# ---- Comparing -----------------------------------------------------------------------------------


def hexadecimal(x, fmt):
    return f"{x!r} ({fmt.name} {oracle.encode(x, fmt):0{2 * fmt.size}x})"


def compare(where, got, want, fmt=F64):
    """One value, to the bit."""
    if not oracle.same(got, want):
        raise Mismatch(f"{where}: {hexadecimal(got, fmt)}, expected {hexadecimal(want, fmt)}")


def compare_tensor(where, got, want):
    """Dtype, shape and every element, to the bit."""
    expect(got.dtype == want.dtype, "{}: dtype {}, expected {}", where, got.dtype, want.dtype)
    expect(got.shape == want.shape, "{}: shape {}, expected {}", where, got.shape, want.shape)
    expect(len(got.values) == len(want.values), "{}: {} elements, expected {}", where, len(got.values), len(want.values))
    for i, (x, y) in enumerate(zip(got.values, want.values)):
        compare(f"{where}[{i}]", x, y, want.format)


def check_error(status, headers, body, failure, problem):
    """A problem+json document of one of the types that may be reported."""
    expect(status == 422, "status {}, expected 422 for {}: {}", status, failure, body[:300])
    kind = headers.get_content_type()
    expect(kind == "application/problem+json", "an error of media type {}", kind)
    document = json.loads(body, object_pairs_hook=wire.no_duplicates)
    for member in ("type", "title", "detail", "request_id"):
        expect(isinstance(document.get(member), str) and document[member], "problem without {}: {}", member, document)
    expect(document.get("status") == 422, "problem of status {}", document.get("status"))
    expect(document["request_id"] == headers["X-Request-Id"], "request_id is not X-Request-Id: {}", document)
    kind = document["type"].rpartition("#")[2]
    expect(kind in failure.kinds, "problem {}, expected {}: {}", kind, failure, document["detail"])
    pointer = document.get("pointer", "")
    expect(pointer == "" or pointer.startswith("/"), "pointer {!r}", pointer)
    if kind == "non-finite":
        name = pointer.split("/")[2] if pointer.startswith("/tensors/") else None
        broken = [n for n, t in problem.tensors.items() if not all(map(math.isfinite, t.values))]
        expect(name in broken, "pointer {!r}, but {} are not finite", pointer, broken)


# ---- Answers in JSON -----------------------------------------------------------------------------


def no_constant(text):
    raise Mismatch(f"{text} is not JSON")


def is_shortest(text, x, fmt):
    if fmt is F64:  # repr is proven to be the shortest by the oracle's own tests
        return len(oracle.significant_digits(text)) == len(oracle.significant_digits(repr(x)))
    return oracle.is_shortest(text, fmt)


def read_element(where, item, fmt, brief=True):
    """An element of an answer: a number of the shortest form, or a string that names what is not finite."""
    if isinstance(item, Number):
        expect("." in item or "e" in item or "E" in item, "{}: {} has neither fraction nor exponent", where, item)
        x = oracle.from_decimal(item, fmt)
        expect(math.isfinite(x), "{}: {} is beyond {}", where, item, fmt.name)
        expect(not brief or is_shortest(item, x, fmt), "{}: {} is not the shortest decimal of {}", where, item, fmt.name)
        return x
    expect(isinstance(item, str) and item in oracle.SPECIAL, "{}: {!r} is no number", where, item)
    return oracle.SPECIAL[item]


def read_elements(where, items, fmt):
    step = max(1, len(items) // SHORTEST_CHECKED)
    return [read_element(f"{where}[{i}]", x, fmt, i % step == 0) for i, x in enumerate(items)]


def read_shape(where, shape):
    expect(all(isinstance(n, Number) and n.isdigit() for n in shape), "{}: shape {}", where, shape)
    return [int(n) for n in shape]


def read_gradient(where, item, form, want):
    """A gradient of a JSON answer, which must have the form of its tensor."""
    if form == "nested":
        expect(isinstance(item, list), "{}: not nested as its tensor", where)
        check_nesting(where, item, want.shape)
        values = read_elements(where, oracle.flatten(item), want.format)
        return oracle.Tensor(want.dtype, oracle.nested_shape(item), values)
    expect(isinstance(item, dict), "{}: not an object as its tensor", where)
    expect(set(item) == {"dtype", "shape", form}, "{}: members {}, expected dtype, shape, {}", where, list(item), form)
    expect(item["dtype"] == want.dtype, "{}: dtype {}, expected {}", where, item["dtype"], want.dtype)
    fmt, shape = FORMATS[item["dtype"]], read_shape(where, item["shape"])
    if form == "data":
        expect(not any(isinstance(x, list) for x in item["data"]), "{}: data is not flat", where)
        return oracle.Tensor(fmt.name, shape, read_elements(where, item["data"], fmt))
    data = base64.b64decode(item["data_base64"], validate=True)
    expect(len(data) == fmt.size * len(want.values), "{}: {} bytes", where, len(data))
    expect(data == oracle.to_bytes(oracle.from_bytes(data, fmt), fmt), "{}: a NaN that is not the canonical one", where)
    return oracle.Tensor(fmt.name, shape, oracle.from_bytes(data, fmt))


def check_nesting(where, item, shape):
    """Nested lists must not be ragged."""
    if shape:
        expect(isinstance(item, list) and len(item) == shape[0], "{}: not of shape {}", where, shape)
        for inner in item if len(shape) > 1 else ():
            check_nesting(where, inner, shape[1:])


def check_gradients(where, got, want, forms):
    expect(isinstance(got, dict) and set(got) == set(want), "{}: {}, expected {}", where, got and list(got), list(want))
    for name, gradient in want.items():
        path = f"{where}.{name}"
        compare_tensor(path, read_gradient(path, got[name], forms[name], gradient), gradient)


def check_members(where, got, want):
    expect(isinstance(got, dict) and set(got) == want, "{}: members {}, expected {}", where, sorted(got), sorted(want))


def check_json(body, result, forms):
    answer = json.loads(body.decode("utf-8"), parse_float=Number, parse_int=Number, parse_constant=no_constant,
                        object_pairs_hook=wire.no_duplicates)
    members = {"contract", "loss", "terms", "unused", "warnings"}
    check_members("answer", answer, members | ({"gradients"} if result.gradients is not None else set()))
    expect(answer["contract"] == "1", "contract {}", answer["contract"])
    compare("loss", read_element("loss", answer["loss"], F64), result.loss)
    expect(list(answer["terms"]) == list(result.terms), "terms {}, expected {}", list(answer["terms"]), list(result.terms))
    for name, term in result.terms.items():
        check_term(name, answer["terms"][name], term, forms)
    for name in ("unused", "warnings"):
        expect(answer[name] == getattr(result, name), "{} {}, expected {}", name, answer[name], getattr(result, name))
    if result.gradients is not None:
        check_gradients("gradients", answer["gradients"], result.gradients, forms)


def check_term(name, got, term, forms):
    where = f"terms.{name}"
    members = {"lambda", "loss", "unweighted"} | ({"gradients"} if term.gradients is not None else set())
    check_members(where, got, members)
    for member, want in (("lambda", term.weight), ("loss", term.loss), ("unweighted", term.unweighted)):
        compare(f"{where}.{member}", read_element(f"{where}.{member}", got[member], F64), want)
    if term.gradients is not None:
        check_gradients(f"{where}.gradients", got["gradients"], term.gradients, forms)


# ---- Answers in safetensors ----------------------------------------------------------------------


def check_safetensors(body, result):
    answer = wire.Safetensors(body)
    expect(answer.header_size % 8 == 0, "a header of {} bytes", answer.header_size)
    order = wire.answer_order(result)
    expect(answer.order == order, "tensors {}, expected {}", answer.order, order)
    check_metadata(answer.metadata, result)
    check_scalar(answer, "loss", result.loss)
    for name, gradient in (result.gradients or {}).items():
        compare_tensor(f"gradients.{name}", answer.tensors[f"gradients.{name}"], gradient)
    for name, term in result.terms.items():
        check_scalar(answer, f"terms.{name}.loss", term.loss)
        check_scalar(answer, f"terms.{name}.unweighted", term.unweighted)
        for tensor, gradient in (term.gradients or {}).items():
            where = f"terms.{name}.gradients.{tensor}"
            compare_tensor(where, answer.tensors[where], gradient)


def check_scalar(answer, name, want):
    tensor = answer.tensors[name]
    expect((tensor.dtype, tensor.shape) == ("F64", []), "{}: {} {}, expected F64 []", name, tensor.dtype, tensor.shape)
    compare(name, tensor.values[0], want)


def check_metadata(metadata, result):
    lambdas = {f"lambda_{t}": term.weight for t, term in result.terms.items()}
    check_members("__metadata__", metadata, {"contract", "unused", "warnings"} | set(lambdas))
    expect(metadata["contract"] == "1", "contract {!r}", metadata["contract"])
    for name in ("unused", "warnings"):
        want = ",".join(getattr(result, name))
        expect(metadata[name] == want, "{} {!r}, expected {!r}", name, metadata[name], want)
    for name, weight in lambdas.items():
        compare(name, read_element(name, Number(metadata[name]), F64), weight)


# ---- The run -------------------------------------------------------------------------------------


def work_out(problem):
    """The right answer: a Result, or the Failure that must be reported."""
    try:
        return oracle.evaluate(problem)
    except Failure as failure:
        return failure


def check(problem, plan, request, answer, result):
    """Compares an answer with the right one; raises Mismatch. Returns a word for the outcome."""
    status, headers, body = answer
    if isinstance(result, Failure):
        check_error(status, headers, body, result, problem)
        return str(result)
    expect(status == 200, "status {}, expected 200: {}", status, body[:500].decode(errors="replace"))
    expect(headers.get("X-Request-Id"), "no X-Request-Id")
    expected = wire.JSON_TYPE if plan.answer == "json" else wire.SAFETENSORS_TYPE
    expect(headers.get_content_type() == expected, "media type {}, expected {}", headers.get_content_type(), expected)
    if plan.answer == "json":
        check_json(body, result, request.forms)
    else:
        check_safetensors(body, result)
    return "value"


class Run:
    """All problems against one daemon, and what came of it."""

    def __init__(self, daemon, options):
        self.daemon, self.options = daemon, options
        self.passed = self.failed = self.problems = 0
        self.outcomes, self.recipes, self.plans = (collections.Counter() for _ in range(3))
        self.folder = None

    def problem(self, index):
        problem = problems.generate(self.options.seed, index)
        result = work_out(problem)
        self.problems += 1
        self.recipes[problem.label] += 1
        for turn in range(self.options.encodings):
            # 7 has no factor in common with 30: each turn goes through all plans
            plan = wire.PLANS[(index * 7 + turn * 13) % len(wire.PLANS)]
            self.request(index, turn, problem, plan, result)

    def request(self, index, turn, problem, plan, result):
        rng = random.Random(f"{self.options.seed}/{index}/{turn}")
        request = wire.build(problem, plan, rng)
        answer = None
        try:
            answer = self.daemon.post(request, plan.chunked, rng)
            outcome = check(problem, plan, request, answer, result)
        except (Mismatch, ValueError, KeyError, TypeError, AttributeError) as error:
            self.failed += 1
            self.report(index, problem, plan, request, answer, error)
            return
        self.passed += 1
        self.plans[plan] += 1
        self.outcomes[outcome] += 1

    def report(self, index, problem, plan, request, answer, error):
        if self.failed > SHOWN:
            return
        self.folder = self.folder or tempfile.mkdtemp(prefix="oracle_test_")
        stem = os.path.join(self.folder, f"{index}_{plan.form}_{plan.accept}")
        with open(stem + ".problem.json", "w", encoding="utf-8") as file:
            file.write(oracle.write_request(problem))
        with open(stem + ".body", "wb") as file:
            file.write(request.body)
        if answer:
            with open(stem + ".answer", "wb") as file:
                file.write(answer[2])
        print(f"FAILED --seed {self.options.seed} --only {index} ({problem.label}; {plan})\n  {error!s:.800}\n"
              f"  POST {request.url:.300} {request.headers}\n  {stem}.body and .problem.json", flush=True)

    def coverage(self):
        """The run must have been what it claims to be."""
        if self.options.only is not None:
            return []
        wrong = []
        if self.problems != self.options.count:
            wrong.append(f"{self.problems} problems ran instead of {self.options.count}")
        if self.passed + self.failed != self.options.count * self.options.encodings:
            wrong.append(f"{self.passed + self.failed} requests ran")
        if self.options.count >= len(wire.PLANS) and not self.failed and set(self.plans) != set(wire.PLANS):
            wrong.append("not every combination of encodings ran")
        if self.options.count >= len(problems.RECIPES) and len(self.recipes) != len(problems.RECIPES):
            wrong.append("not every recipe ran")
        return wrong


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = os.environ.get("BUILD", os.path.join(ROOT, "build"))
    default = os.environ.get("RNNLOSSD") or os.path.join(build, "rnnlossd")
    parser.add_argument("rnnlossd", nargs="?", default=default, metavar="RNNLOSSD")
    parser.add_argument("--count", type=int, default=900, help="problems (%(default)s)")
    parser.add_argument("--encodings", type=int, default=2, help="requests a problem (%(default)s)")
    parser.add_argument("--seed", default="1", help="of the problems and their encodings (%(default)s)")
    parser.add_argument("--only", type=int, help="the index of one problem")
    return parser.parse_args()


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped by SIGTERM"))  # so that the daemon is stopped too
    daemon = Daemon(options.rnnlossd)
    run, began = Run(daemon, options), time.monotonic()
    try:
        for index in range(options.count) if options.only is None else (options.only,):
            run.problem(index)
            if run.problems % 100 == 0:
                print(f"{run.problems} problems, {run.passed} passed, {run.failed} failed", flush=True)
            if daemon.process.poll() is not None:
                break
    finally:
        status = daemon.stop()
    wrong = run.coverage()
    if status != 0:
        wrong.append(f"the daemon's exit status: {status}\n{daemon.log()}")
    for line in wrong:
        print("FAILED " + line)
    print(f"{run.problems} problems of {len(run.recipes)} kinds in {len(run.plans)} combinations of encodings, "
          f"{time.monotonic() - began:.0f} s, seed {options.seed}; outcomes: {dict(run.outcomes)}")
    failed = run.failed + len(wrong)
    print(f"{run.passed} passed, {failed} failed")
    return 1 if failed or not run.passed else 0


if __name__ == "__main__":
    sys.exit(main())
