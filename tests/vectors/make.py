#!/usr/bin/env python3
"""Writes the conformance vectors: vectors.jsonl (a vector a line) and list.json (what GET /vectors answers).

    python3 tests/vectors/make.py            writes both
    python3 tests/vectors/make.py --check    writes nothing; fails if what is committed isn't what it would write

What the vectors are is in valid.py and invalid.py; what they give is worked out by ../oracle.py in exact rational
arithmetic; the format is described in README.md and schema.json.
"""
import base64
import hashlib
import json
import math
import os
import struct
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [FOLDER, os.path.dirname(FOLDER)]

import oracle  # noqa: E402
from oracle import FORMATS, TENSORS, Failure, Tensor, encode, shortest, to_bytes  # noqa: E402

CONTRACT = 1
LISTED = 64  # elements of a tensor that are written out; a longer one has its digest and a sample
STATUS = {"malformed-json": 400, "malformed-safetensors": 400, "duplicate": 400}  # the others: 422

# ---- Tensors by a rule ---------------------------------------------------------------------------

MASK = 2**64 - 1


def splitmix64(seed, i):
    """The i-th output of SplitMix64."""
    z = (seed + (i + 1) * 0x9E3779B97F4A7C15) & MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


class Ruled(Tensor):
    """A tensor that is given by a rule: element i is ((splitmix64(seed, i) >> (64 - bits)) - subtract) * 2^exponent."""

    def __init__(self, dtype, shape, seed, bits, subtract, exponent):
        assert bits <= FORMATS[dtype].precision and 0 <= subtract < 2**bits
        self.rule = {"seed": seed, "bits": bits, "subtract": subtract, "exponent": exponent}
        values = [math.ldexp((splitmix64(seed, i) >> (64 - bits)) - subtract, exponent)
                  for i in range(math.prod(shape))]
        super().__init__(dtype, list(shape), values)


# ---- How things are written ----------------------------------------------------------------------


def dump(node):
    return json.dumps(node, separators=(",", ":"))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def decimal(x, fmt=oracle.F64):
    """As JSON has it: the shortest that reads back; what is not finite by its name."""
    if math.isnan(x):
        return "NaN"
    return shortest(x, fmt) if math.isfinite(x) else "Infinity" if x > 0 else "-Infinity"


def number(x):
    return {"decimal": decimal(x), "hex": x.hex()}


def hex_bits(x, fmt):
    return f"{encode(x, fmt):0{2 * fmt.size}x}"


def tensor_bytes(tensor):
    """Little-endian bytes; of large tensors by a quicker way than the oracle's."""
    code = {"F16": "e", "F32": "f", "F64": "d"}.get(tensor.dtype)
    if code is None or len(tensor.values) <= LISTED or not all(map(math.isfinite, tensor.values)):
        return to_bytes(tensor.values, tensor.format)
    return struct.pack(f"<{len(tensor.values)}{code}", *tensor.values)


def describe(tensor):
    """A tensor in a vector."""
    fmt, count = tensor.format, len(tensor.values)
    node = {"dtype": tensor.dtype, "shape": list(tensor.shape)}
    if isinstance(tensor, Ruled):
        node |= {"rule": tensor.rule, "sha256": sha256(tensor_bytes(tensor))}
    elif count <= LISTED:
        node |= {"bits": [hex_bits(x, fmt) for x in tensor.values],
                 "decimal": [decimal(x, fmt) for x in tensor.values]}
    else:
        indices = sorted({0, 1, 2, 3, count // 2, count - 1})
        node |= {"sha256": sha256(tensor_bytes(tensor)),
                 "sample": [[i, hex_bits(tensor.values[i], fmt)] for i in indices]}
    return node


def describe_expected(result):
    """What a valid vector gives."""
    node = {"loss": number(result.loss), "terms": {}}
    for name, term in result.terms.items():
        node["terms"][name] = {"loss": number(term.loss), "unweighted": number(term.unweighted)}
        if term.gradients is not None:
            node["terms"][name]["gradients"] = {x: describe(g) for x, g in term.gradients.items()}
    if result.gradients is not None:
        node["gradients"] = {x: describe(g) for x, g in result.gradients.items()}
    return node | {"unused": result.unused, "warnings": result.warnings, "data_sha256": sha256(answer_data(result))}


def answer_data(result):
    """The bytes after the header of the answer in safetensors: the largest elements first."""
    scalars, gradients = [result.loss], list((result.gradients or {}).values())
    for term in result.terms.values():
        scalars += [term.loss, term.unweighted]
        gradients += (term.gradients or {}).values()
    gradients.sort(key=lambda g: -g.format.size)  # which keeps the order of equals
    return to_bytes(scalars, oracle.F64) + b"".join(map(tensor_bytes, gradients))


# ---- The forms of a request ----------------------------------------------------------------------


def options_of(problem):
    """The options that are not as they are by default, as texts."""
    options = {f"lambda_{t}": shortest(x) for t, x in problem.lambdas.items()}
    for name, default in (("gradients", "total"), ("nonfinite", "error"), ("gradient_dtype", None)):
        if getattr(problem, name) != default:
            options[name] = getattr(problem, name)
    if problem.wrt is not None:
        options["wrt"] = ",".join(problem.wrt)
    return options


def nest(items, shape):
    for n in reversed(shape[1:]):
        items = ["[" + ",".join(items[i:i + n]) + "]" for i in range(0, len(items), n)]
    return "[" + ",".join(items) + "]"


def json_tensor(name, tensor, form, texts):
    if isinstance(tensor, Ruled):
        form = "base64"
    items = texts or [decimal(x, tensor.format) if math.isfinite(x) else dump(decimal(x)) for x in tensor.values]
    if form == "nested" and tensor.dtype == "F64":
        return nest(items, tensor.shape)
    head = f'{{"dtype":"{tensor.dtype}","shape":{dump(list(tensor.shape))},'
    if form == "base64":
        data = f"@{name}" if isinstance(tensor, Ruled) else base64.b64encode(tensor_bytes(tensor)).decode()
        return head + f'"data_base64":"{data}"}}'
    return head + f'"data":[{",".join(items)}]}}'


def json_form(problem, form, texts):
    """The text of the request; "@fr" stands for the base64 of a tensor that is given by a rule."""
    options = options_of(problem)
    lambdas = ",".join(f'"{k}":{v}' for k, v in options.items() if k.startswith("lambda_"))
    tensors = ",".join(f'"{n}":{json_tensor(n, t, form, texts.get(n))}' for n, t in problem.tensors.items())
    members = [f'"lambdas":{{{lambdas}}}']
    for key, value in options.items():
        if key == "wrt":
            members.append(f'"wrt":{dump(list(problem.wrt))}')
        elif not key.startswith("lambda_"):
            members.append(f'"{key}":{dump(value)}')
    return "{" + ",".join(members + [f'"tensors":{{{tensors}}}']) + "}"


def safetensors_file(header, data):
    text = header if isinstance(header, bytes) else dump(header).encode()
    text = text.ljust(8)
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def safetensors_form(problem, with_data=True):
    """The bytes of the request, or its header alone."""
    header, data, end = {"__metadata__": options_of(problem)}, [], 0
    for name, tensor in problem.tensors.items():
        size = len(tensor.values) * tensor.format.size
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [end, end + size]}
        data.append(tensor_bytes(tensor) if with_data else b"")
        end += size
    return safetensors_file(header, b"".join(data))


def full_json(text, tensors):
    for name, tensor in tensors.items():
        if isinstance(tensor, Ruled):
            text = text.replace(f'"@{name}"', '"' + base64.b64encode(tensor_bytes(tensor)).decode() + '"')
    return text


# ---- Vectors -------------------------------------------------------------------------------------


def outcome(problem):
    """("valid", what it gives), or ("invalid", its problem)."""
    try:
        return {"result": "valid"}, {"expect": describe_expected(oracle.evaluate(problem))}
    except Failure as failure:
        kind, = failure.kinds  # one defect a vector
        return {"result": "invalid"}, {"problem": {"status": STATUS.get(kind, 422), "type": kind}}


def vector(group, name, comment, flags, problem, form="data", texts=None):
    """A vector whose meaning the oracle knows. form: of tensors in JSON; texts: by tensor, numbers as they stand there."""
    problem.tensors = {n: problem.tensors[n] for n in TENSORS if n in problem.tensors}
    ruled = any(isinstance(t, Ruled) for t in problem.tensors.values())
    assert not ruled or all(isinstance(t, Ruled) for t in problem.tensors.values())
    result, outcome_node = outcome(problem)
    options = {"gradients": problem.gradients, "nonfinite": problem.nonfinite}
    options |= {k: getattr(problem, k) for k in ("wrt", "gradient_dtype") if getattr(problem, k) is not None}
    text, data = json_form(problem, form, texts or {}), safetensors_form(problem, not ruled)
    node = {"id": name, "group": group, **result, "comment": comment, "flags": flags + ["generated"] * ruled,
            "lambdas": {t: number(x) for t, x in problem.lambdas.items()}, "options": options,
            "tensors": {n: describe(t) for n, t in problem.tensors.items()}, **outcome_node,
            "json": text, "safetensors": base64.b64encode(data).decode()}
    sizes = {"json": len(text), "safetensors": len(data)}
    if ruled:
        bodies = {"json": full_json(text, problem.tensors).encode(), "safetensors": safetensors_form(problem)}
        node["sha256"] = {form: sha256(body) for form, body in bodies.items()}
        sizes = {form: len(body) for form, body in bodies.items()}
    return node, sizes


def refused(name, kind, comment, text=None, data=None, flags=()):
    """A vector whose bytes are no request: in JSON, in safetensors, or in both."""
    node = {"id": name, "group": "invalid", "result": "invalid", "comment": comment, "flags": list(flags),
            "problem": {"status": STATUS.get(kind, 422), "type": kind}}
    sizes = {}
    if text is not None:
        node["json"], sizes["json"] = text, len(text.encode())
    if data is not None:
        node["safetensors"], sizes["safetensors"] = base64.b64encode(data).decode(), len(data)
    return node, sizes


def suite():
    """(text of vectors.jsonl, text of list.json)."""
    import invalid
    import valid
    lines, rows, known = [], [], set()
    for node, sizes in valid.vectors() + invalid.vectors():
        assert node["id"] not in known, node["id"]
        known.add(node["id"])
        lines.append(dump(node) + "\n")
        rows.append({k: node[k] for k in ("id", "group", "result", "comment", "flags")}
                    | {"url": "/vectors/" + node["id"], "sizes": {"vector": len(lines[-1]), **sizes}})
    text = "".join(lines)
    head = {"contract": CONTRACT, "sha256": sha256(text.encode()), "count": len(rows)}
    listed = dump(head)[:-1] + ',"vectors":[\n' + ",\n".join(map(dump, rows)) + "\n]}\n"
    return text, listed


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__.strip())
        return 2
    stale = False
    for name, text in zip(("vectors.jsonl", "list.json"), suite()):
        path = os.path.join(FOLDER, name)
        if not arguments:
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
            continue
        with open(path, encoding="ascii") as file:
            if file.read() != text:
                print(f"{name} is stale: python3 tests/vectors/make.py")
                stale = True
    return 1 if stale else 0


if __name__ == "__main__":
    sys.modules["make"] = sys.modules["__main__"]
    sys.exit(main(sys.argv[1:]))
