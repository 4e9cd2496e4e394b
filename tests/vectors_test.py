#!/usr/bin/env python3
"""The conformance vectors: that they are fresh and as schema.json says, that README.md's example runs, and that the
daemon serves them and answers each of them to the bit, in both encodings, with every variant of the kernels.

    python3 tests/vectors_test.py [WORD...]      only tests whose name holds a WORD

The programs are rnnlossd, and rnnlossd-features (whose kernels can be chosen), in the folder of the variable BUILD.
"""
import base64
import hashlib
import http.client
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time

import cases
import oracle
import wire
from oracle import FORMATS, F64, Number, Tensor, from_decimal, same

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "tests", "vectors")
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
sys.path.insert(0, FOLDER)
import make  # noqa: E402

JSON_TYPE, SAFETENSORS_TYPE = wire.JSON_TYPE, wire.SAFETENSORS_TYPE


def read(name):
    with open(os.path.join(FOLDER, name), "rb") as file:
        return file.read()


SUITE = read("vectors.jsonl")
LINES = SUITE.splitlines(keepends=True)
VECTORS = [json.loads(line) for line in LINES]
DIGEST = hashlib.sha256(SUITE).hexdigest()


def expect(condition, *details):
    if not condition:
        raise AssertionError(" ".join(map(str, details)))


class Daemon:
    """A daemon on a free port, and a connection to it."""

    def __init__(self, program="rnnlossd", arguments=(), disabled=""):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RNNLOSSD")}
        self.errors = tempfile.TemporaryFile()
        began = time.monotonic()
        self.process = subprocess.Popen([os.path.join(BUILD, program), "--listen", "127.0.0.1:0", *arguments],
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        env=dict(environment, RNNLOSS_DISABLE=disabled))
        line = self.process.stdout.readline()
        self.start_seconds = time.monotonic() - began
        found = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        if not found:
            self.process.kill()
            raise AssertionError(f"the daemon said {line!r}\n{self.said()}")
        self.connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
        self.process.terminate()
        expect(self.process.wait(60) == 0, "the daemon's exit status:", self.process.returncode, self.said())
        self.process.stdout.close()
        self.errors.close()

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def send(self, method, path, body=None, **headers):
        """(status, headers, body) of the answer."""
        self.connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def get(self, path, **headers):
        return self.send("GET", path, **headers)


# ---- The files -------------------------------------------------------------------------------------


def test_fresh():
    done = subprocess.run([sys.executable, os.path.join(FOLDER, "make.py"), "--check"], capture_output=True, text=True)
    expect(done.returncode == 0, done.stdout, done.stderr)


KINDS = {"object": dict, "array": list, "string": str, "integer": int}


def check_schema(schema, node, root, where):
    """The part of JSON Schema that schema.json is written in; an unknown keyword is an error."""
    for keyword, rule in schema.items():
        if keyword == "$ref":
            check_schema(root["$defs"][rule.rsplit("/", 1)[1]], node, root, where)
        elif keyword == "type":
            expect(isinstance(node, KINDS[rule]) and not isinstance(node, bool), where, "is no", rule)
        elif keyword == "enum":
            expect(node in rule, where, "is none of", rule)
        elif keyword == "const":
            expect(node == rule, where, "is not", rule)
        elif keyword == "pattern":
            expect(re.search(rule, node), where, node, "doesn't match", rule)
        elif keyword == "minimum":
            expect(node >= rule, where, node, "is below", rule)
        elif keyword == "required":
            expect(set(rule) <= set(node), where, "lacks", set(rule) - set(node))
        elif keyword == "properties":
            for name in set(rule) & set(node):
                check_schema(rule[name], node[name], root, f"{where}/{name}")
        elif keyword == "propertyNames":
            for name in node:
                check_schema(rule, name, root, f"{where}/{name}")
        elif keyword == "additionalProperties":
            for name in set(node) - set(schema.get("properties", ())):
                expect(rule is not False, where, "has an unknown member", name)
                check_schema(rule, node[name], root, f"{where}/{name}")
        elif keyword == "items":
            for i, item in enumerate(node):
                check_schema(rule, item, root, f"{where}/{i}")
        elif keyword == "anyOf":
            check_any(rule, node, root, where)
        else:
            expect(keyword in ("$schema", "$id", "$defs", "title", "description"), "unknown keyword", keyword)


def check_any(schemas, node, root, where):
    errors = []
    for schema in schemas:
        try:
            check_schema(schema, node, root, where)
            return
        except AssertionError as error:
            errors.append(str(error))
    raise AssertionError(f"{where}: {'; '.join(errors)}")


def test_schema():
    schema = json.loads(read("schema.json"))
    for vector in VECTORS:
        check_schema(schema, vector, schema, vector["id"])
    for broken in ({}, dict(VECTORS[0], id="A"), dict(VECTORS[0], extra=1), dict(VECTORS[0], result="maybe")):
        try:
            check_schema(schema, broken, schema, "")
        except AssertionError:
            continue
        raise AssertionError(f"the schema takes {broken}")


def test_files():
    total = sum(os.path.getsize(os.path.join(FOLDER, name)) for name in os.listdir(FOLDER) if "__" not in name)
    expect(total <= 4 << 20, total, "bytes")
    listed = json.loads(read("list.json"))
    expect((listed["sha256"], listed["count"], len(listed["vectors"])) == (DIGEST, len(VECTORS), len(VECTORS)))
    for line, vector, row in zip(LINES, VECTORS, listed["vectors"]):
        bodies = {form: whole_form(vector, form) for form in ("json", "safetensors") if form in vector}
        expect(row["sizes"] == {"vector": len(line)} | {f: len(b) for f, b in bodies.items()}, row)
        expect(all(row[k] == vector[k] for k in ("id", "group", "result", "comment", "flags")), row)
        expect(line.startswith(b'{"id":"%s",' % vector["id"].encode()), line[:50])


def test_example():
    text = read("README.md").decode()
    code, printed = re.search(r"^```python\n(.*?)^```\n.*?^```text\n(.*?)^```", text, re.M | re.S).groups()
    expect(code.count("\n") <= 35, "the example has", code.count("\n"), "lines")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    expect(done.returncode == 0 and done.stdout == printed, done.stdout, done.stderr)


def test_kinds():
    """Every term, every dtype and every problem that a body can have are there."""
    def all_of(values):
        return {x for x in values}
    terms = all_of(t for v in VECTORS for t in v.get("expect", {}).get("terms", ()))
    dtypes = all_of(t["dtype"] for v in VECTORS for t in v.get("tensors", {}).values())
    expect((terms, dtypes) == (set(oracle.TERMS), set(FORMATS)), terms, dtypes)
    combinations = {tuple(v["expect"]["terms"]) for v in VECTORS if "expect" in v}
    expect(len(combinations) == 2 ** 7, len(combinations), "combinations of terms")
    types = all_of(v["problem"]["type"] for v in VECTORS if "problem" in v)
    with open(os.path.join(ROOT, "server", "problem.c"), encoding="utf-8") as file:
        known = dict(re.findall(r'\{"([a-z-]+)", (4\d\d),', file.read()))
    bodies = {t for t, status in known.items() if status in ("400", "422")} - {"malformed-http", "invalid-claim"}  # not of a body of /loss
    expect(bodies <= types <= set(known), "no vector for", bodies - types)
    for flag in ("overflow", "undefined"):  # what a flag says is what happens
        for v in VECTORS:
            expect((flag in v["flags"]) == (v.get("problem", {}).get("type") == flag), v["id"], flag)
    for flag, warning in (("negative-mean", "negative-mean-rate"), ("underflow", "underflow")):
        for v in VECTORS:
            expect(flag not in v["flags"] or warning in v["expect"]["warnings"], v["id"], flag)
    expect(all(known[v["problem"]["type"]] == str(v["problem"]["status"]) for v in VECTORS if "problem" in v))


# ---- Served ----------------------------------------------------------------------------------------


def whole_form(vector, form):
    """The bytes of a request, from the vector alone."""
    ruled = {name: make.tensor_bytes(make.Ruled(t["dtype"], t["shape"], **t["rule"]))
             for name, t in vector.get("tensors", {}).items() if "rule" in t}
    for name, data in ruled.items():
        expect(hashlib.sha256(data).hexdigest() == vector["tensors"][name]["sha256"], vector["id"], name)
    if form == "json":
        body = vector["json"]
        for name, data in ruled.items():
            body = body.replace(f'"@{name}"', '"' + base64.b64encode(data).decode() + '"')
        body = body.encode()
    else:
        body = base64.b64decode(vector["safetensors"]) + b"".join(ruled.values())
    if ruled:
        expect(hashlib.sha256(body).hexdigest() == vector["sha256"][form], vector["id"], form)
    return body


def check_not_found(daemon, path):
    status, headers, body = daemon.get(path)
    problem = json.loads(body)
    expect((status, problem["type"]) == (404, "#not-found"), path, status, problem)
    expect(headers["Content-Type"] == "application/problem+json", path)


def test_routes():
    with Daemon() as daemon:
        status, headers, body = daemon.get("/vectors")
        expect(status == 200 and headers["Content-Type"] == JSON_TYPE and body == read("list.json"))
        tag = headers["ETag"]
        expect(tag == f'"{hashlib.sha256(body).hexdigest()[:32]}"' and headers["Cache-Control"] == "no-cache", headers)
        for row, line in zip(json.loads(body)["vectors"], LINES):
            status, headers, body = daemon.get(row["url"])
            expect(status == 200 and headers["Content-Type"] == JSON_TYPE and body == line, row)
            expect(headers["ETag"] != tag, row)
        for path in ("/vectors/", "/vectors/none", "/vectors/mse", "/vectors/mse-by-hand/", '/vectors/mse-by-hand"',
                     "/vectors/%22", "/vectors/" + "a" * 3000, "/vectorsx", "/vectors/.."):
            check_not_found(daemon, path)
        expect(daemon.get("/vectors/m%73e-by-hand")[0] == 200)
        for path in ("/vectors", "/vectors/mse-by-hand", "/vectors/mse-by-hand?form=safetensors"):
            get, head = daemon.get(path), daemon.send("HEAD", path)
            expect(head[0] == 200 and head[2] == b"" and head[1]["Content-Length"] == str(len(get[2])), path)
            expect(head[1]["ETag"] == get[1]["ETag"], path)
            status, headers, _ = daemon.send("OPTIONS", path)
            expect((status, headers["Allow"]) == (204, "GET, HEAD, OPTIONS"), path, status)
            expect(daemon.send("POST", path, b"{}")[0] == 405, path)
        expect('route="/vectors/{name}"' in daemon.get("/metrics")[2].decode())


def test_forms():
    with Daemon() as daemon:
        for vector in VECTORS:
            for form, media in (("json", JSON_TYPE), ("safetensors", SAFETENSORS_TYPE)):
                path = f"/vectors/{vector['id']}?form={form}"
                if form not in vector or "sha256" in vector:
                    check_not_found(daemon, path)
                    continue
                status, headers, body = daemon.get(path)
                expect(status == 200 and headers["Content-Type"] == media, path, status, body[:300])
                expect(body == whole_form(vector, form), path)
        path = "/vectors/mse-by-hand"
        data = whole_form(VECTORS[0], "safetensors")
        expect(daemon.get(path, Accept=SAFETENSORS_TYPE)[2] == data)
        expect(daemon.get(path, Accept=f"{SAFETENSORS_TYPE};q=0.5, {JSON_TYPE}")[2] == LINES[0])
        expect(daemon.get(path, Accept="*/*")[2] == LINES[0])
        expect(daemon.get(path, Accept="image/png")[0] == 406)
        for query in ("form=xml", "form=", "from=json", "form=json&form=json", "form=%zz", "form"):
            status, _, body = daemon.get(f"{path}?{query}")
            expect(status in (400, 422), query, status, body)


def test_conditional():
    with Daemon() as daemon:
        tags = set()
        for path in ("/vectors", "/vectors/mse-by-hand", "/vectors/in-by-hand", "/vectors/mse-by-hand?form=json",
                     "/vectors/mse-by-hand?form=safetensors"):
            tag = daemon.get(path)[1]["ETag"]
            tags.add(tag)
            for given in (tag, f'"x", {tag}', "*", f"W/{tag}"):
                status, headers, body = daemon.get(path, If_None_Match=given)
                expect((status, body, headers["ETag"]) == (304, b"", tag), path, given, status)
            expect(daemon.get(path, If_None_Match='"x"')[0] == 200)
        expect(len(tags) == 5, tags)


def test_guarded():
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("ann 0123456789abcdef0123\n")
        file.flush()
        os.chmod(file.name, 0o600)
        with Daemon(arguments=("--tokens", file.name)) as daemon:
            for path in ("/vectors", "/vectors/mse-by-hand"):
                expect(daemon.get(path)[0] == 401, path)
                expect(daemon.get(path, Authorization="Bearer 0123456789abcdef0123")[0] == 200, path)


def test_version_and_selftest():
    with Daemon() as daemon:
        expect(json.loads(daemon.get("/version")[2])["vectors_sha256"] == DIGEST)
        expect(daemon.get("/readyz")[0] == 200)
        found = re.search(r"event=selftest .*count=(\d+) .*milliseconds=(\d+)", daemon.said())
        expect(found, daemon.said())
        small = sum("generated" not in v["flags"] for v in VECTORS)
        expect(int(found[1]) == small, found[0])
        expect(daemon.start_seconds < 5, "ready after", daemon.start_seconds, "s")
        print(f"ready after {daemon.start_seconds * 1000:.0f} ms; {found[0]}")


def test_not_ready():
    """A daemon in whose built-in suite one expected digit is another: it lives, says what is wrong, and isn't ready."""
    with open(os.path.join(BUILD, "rnnlossd"), "rb") as file:
        program = file.read()
    at = program.index(SUITE) + SUITE.index(b'"data_sha256":"') + len(b'"data_sha256":"')
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rnnlossd")
        with open(path, "wb") as file:
            file.write(program[:at] + (b"0" if program[at:at + 1] != b"0" else b"1") + program[at + 1:])
        os.chmod(path, 0o700)
        with Daemon(path) as daemon:
            status, headers, body = daemon.get("/readyz")
            expect((status, json.loads(body)["type"]) == (503, "#not-ready"), status, body)
            expect("mse-by-hand (json)" in json.loads(body)["detail"] and headers["Retry-After"], headers, body)
            expect(daemon.get("/livez")[0] == 200)
            expect(re.search(r'level=error event=selftest .*failed="mse-by-hand \(json\)"', daemon.said()), daemon.said())


# ---- Answered --------------------------------------------------------------------------------------


def check_scalar(where, found, expected):
    value = float("nan") if expected["hex"] == "nan" else float.fromhex(expected["hex"])
    expect(same(found, value), where, "is", found, "instead of", expected)
    expect(expected["decimal"] in oracle.SPECIAL or same(from_decimal(expected["decimal"]), value), where)


def check_tensor(where, found, expected):
    fmt = FORMATS[expected["dtype"]]
    expect((found.dtype, list(found.shape)) == (expected["dtype"], expected["shape"]), where, found.dtype, found.shape)
    if "bits" in expected:
        bits = [make.hex_bits(x, fmt) for x in found.values]
        expect(bits == expected["bits"], where, bits, expected["bits"])
        return
    expect(hashlib.sha256(make.tensor_bytes(found)).hexdigest() == expected["sha256"], where)
    expect(all(make.hex_bits(found.values[i], fmt) == bits for i, bits in expected["sample"]), where)


def number_of(item):
    return oracle.read_number(item, F64)


def json_answer(body):
    """(scalars, gradients, unused, warnings) of an answer, by the names that safetensors gives them."""
    answer = json.loads(body, parse_float=Number, parse_int=Number)
    scalars, gradients = {"loss": number_of(answer["loss"])}, {}
    for name, gradient in (answer.get("gradients") or {}).items():
        gradients[f"gradients.{name}"] = oracle.read_tensor(gradient)
    for term, node in answer["terms"].items():
        for key in ("loss", "unweighted"):
            scalars[f"terms.{term}.{key}"] = number_of(node[key])
        for name, gradient in node.get("gradients", {}).items():
            gradients[f"terms.{term}.gradients.{name}"] = oracle.read_tensor(gradient)
    return scalars, gradients, answer["unused"], answer["warnings"]


def safetensors_answer(body):
    file = wire.Safetensors(body)
    scalars = {n: t.values[0] for n, t in file.tensors.items() if not t.shape}
    gradients = {n: Tensor(t.dtype, list(t.shape), t.values) for n, t in file.tensors.items() if t.shape}
    unused, warnings = ([x for x in file.metadata[k].split(",") if x] for k in ("unused", "warnings"))
    return scalars, gradients, unused, warnings


def expected_answer(node):
    scalars, gradients = {"loss": node["loss"]}, {f"gradients.{n}": g for n, g in node.get("gradients", {}).items()}
    for term, values in node["terms"].items():
        scalars |= {f"terms.{term}.{k}": values[k] for k in ("loss", "unweighted")}
        gradients |= {f"terms.{term}.gradients.{n}": g for n, g in values.get("gradients", {}).items()}
    return scalars, gradients


def check_answer(where, vector, answer, binary):
    status, _, body = answer
    if "problem" in vector:
        expect(status == vector["problem"]["status"], where, status, body[:500])
        expect(json.loads(body)["type"] == "#" + vector["problem"]["type"], where, body[:500])
        return
    expect(status == 200, where, status, body[:500])
    scalars, gradients, unused, warnings = safetensors_answer(body) if binary else json_answer(body)
    wanted_scalars, wanted_gradients = expected_answer(vector["expect"])
    expect(set(scalars) == set(wanted_scalars) and set(gradients) == set(wanted_gradients), where, scalars, gradients)
    for name, value in wanted_scalars.items():
        check_scalar(f"{where}: {name}", scalars[name], value)
    for name, tensor in wanted_gradients.items():
        check_tensor(f"{where}: {name}", gradients[name], tensor)
    expect((unused, warnings) == (vector["expect"]["unused"], vector["expect"]["warnings"]), where, unused, warnings)
    if binary:
        data = body[8 + int.from_bytes(body[:8], "little"):]
        expect(hashlib.sha256(data).hexdigest() == vector["expect"]["data_sha256"], where)


def answer_all(daemon, plain):
    """Every vector, in each form, with answers in each form; plain: answered as asked, no more."""
    wrong = []
    for vector in VECTORS:
        for form, media in (("json", JSON_TYPE), ("safetensors", SAFETENSORS_TYPE)):
            if form not in vector:
                continue
            body = whole_form(vector, form)
            for accept in (media,) if plain else (JSON_TYPE, SAFETENSORS_TYPE):
                answer = daemon.send("POST", "/loss", body, Content_Type=media, Accept=accept)
                try:
                    check_answer(f"{vector['id']} ({form} to {accept})", vector, answer, accept == SAFETENSORS_TYPE)
                except (AssertionError, ValueError, KeyError) as error:
                    wrong.append(repr(error)[:600])
    expect(not wrong, len(wrong), "answers are wrong:\n", "\n".join(wrong[:20]))


def test_answers():
    with Daemon() as daemon:
        answer_all(daemon, False)


def variants():
    """(name, features to be disabled) of the variants that this machine can run."""
    found = [("portable", "avx512,avx2,neon")]
    if platform.machine() == "aarch64":
        found.append(("neon", ""))
    if platform.machine() == "x86_64":
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = set(re.search(r"^flags[^:]*: (.*)", file.read(), re.M)[1].split())
        if {"avx2", "fma", "f16c"} <= flags:
            found.append(("avx2", "avx512"))
            if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
                found.append(("avx512", ""))
    return found


def test_variants():
    for name, disabled in variants():
        with Daemon("rnnlossd-features", disabled=disabled) as daemon:
            kernel = json.loads(daemon.get("/version")[2])["kernel"]
            expect(kernel == name, "the kernel is", kernel, "instead of", name)
            expect(daemon.get("/readyz")[0] == 200, name, daemon.said())
            answer_all(daemon, True)


if __name__ == "__main__":
    cases.main(globals())
