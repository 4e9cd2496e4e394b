"""Requests that are none: one defect each, in JSON, in safetensors, or in both."""
import struct

from make import dump, refused, safetensors_file

IN = '{"lambdas":{"lambda_in":1.0},"tensors":{"w_in":%s}}'
F32 = '{"dtype":"F32","shape":%s,"data":%s}'
BASE64 = '{"dtype":"F32","shape":[1,1],"data_base64":"%s"}'


def entry(dtype="F32", shape=(1, 1), begin=0, end=4):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def st(header, size=4):
    """A safetensors file with so many bytes of zeros as data."""
    return safetensors_file(header, bytes(size))


def w_in(**changes):
    return st({"__metadata__": {"lambda_in": "1.0"}, "w_in": entry(**changes)}, changes.get("end", 4))


def meta(**options):
    return st({"__metadata__": options, "w_in": entry()})


def with_option(key, value):
    """w_in and an option, in both forms."""
    return ('{"lambdas":{"lambda_in":1.0},"%s":%s,"tensors":{"w_in":[[1.0]]}}' % (key, value),
            meta(lambda_in="1.0", **{key: value.strip('"[]')}))


def with_lambda(key, value):
    return '{"lambdas":{"%s":%s},"tensors":{"w_in":[[1.0]]}}' % (key, value), meta(**{key: value.strip('"')})


def pair(one, two, names=("pred", "target"), weight="lambda_mse"):
    """Two tensors of zeros with these shapes, in both forms."""
    sizes, texts, header, end = [], [], {"__metadata__": {weight: "1.0"}}, 0
    for name, shape in zip(names, (one, two)):
        count = 1
        for n in shape:
            count *= n
        texts.append(f'"{name}":' + F32 % (dump(shape), dump([0.0] * count)))
        header[name] = entry("F32", shape, end, end + 4 * count)
        end += 4 * count
    return '{"lambdas":{"%s":1.0},"tensors":{%s}}' % (weight, ",".join(texts)), st(header, end)


def malformed():
    text = IN % "[[1.0]]"
    good = w_in()
    size = struct.unpack("<Q", good[:8])[0]
    both = {"pred": entry(end=4), "target": entry(begin=4, end=8)}
    rows = (("json-empty", "no bytes at all", ""), ("json-cut", "the text ends early", text[:-1]),
            ("json-trailing", "something follows the end", text + "x"), ("json-two", "two documents", "{}{}"),
            ("json-comma", "a comma too many", '{"lambdas":{},}'), ("json-quotes", "single quotes", "{'lambdas':{}}"),
            ("json-leading-zero", "a number that begins with 0", '{"lambdas":{"lambda_in":01}}'),
            ("json-plus", "a number with a plus sign", '{"lambdas":{"lambda_in":+1}}'),
            ("json-nan", "NaN is no JSON", '{"lambdas":{"lambda_in":NaN}}'),
            ("json-control", "a control character in a string", '{"a\x01":1}'),
            ("json-escape", "an unknown escape", '{"a\\x":1}'), ("json-bom", "a byte order mark", "\ufeff{}"),
            ("json-comment", "a comment", "{/**/}"), ("json-deep", "65 arrays deep", "[" * 65 + "]" * 65))
    out = [refused(name, "malformed-json", comment, text) for name, comment, text in rows]
    rows = (("safetensors-short", "shorter than 8 bytes and a header", good[:12]),
            ("safetensors-header-long", "the header is longer than the file", struct.pack("<Q", 10**6) + good[8:]),
            ("safetensors-header-huge", "a header's length of 2^56", struct.pack("<Q", 2**56) + good[8:]),
            ("safetensors-header-cut", "the header ends early", struct.pack("<Q", size - 8 - len(good[8:8 + size]) % 8) + good[8:]),
            ("safetensors-not-json", "the header is no JSON", safetensors_file(b"{x}", b"")),
            ("safetensors-array", "the header is no object", safetensors_file(b"[]", b"")),
            ("safetensors-tail", "bytes after the last tensor", good + b"\0"),
            ("safetensors-data-cut", "the data ends early", good[:-1]),
            ("safetensors-hole", "a hole before the data", st({"w_in": entry(begin=4, end=8)}, 8)),
            ("safetensors-overlap", "two tensors overlap", st(both | {"target": entry(begin=0, end=4)}, 4)),
            ("safetensors-size", "data_offsets that don't fit dtype and shape", st({"w_in": entry(end=8)}, 8)),
            ("safetensors-backwards", "data_offsets that go backwards", st({"w_in": entry(begin=4, end=0)}, 4)),
            ("safetensors-no-dtype", "an entry without dtype", st({"w_in": {"shape": [1, 1], "data_offsets": [0, 4]}})),
            ("safetensors-metadata", "metadata that is no string", st({"__metadata__": {"lambda_in": 1}, "w_in": entry()})))
    return out + [refused(name, "malformed-safetensors", comment, None, data) for name, comment, data in rows]


def doubled():
    e = dump(entry())
    twice = '{"w_in":%s,"w_in":%s}' % (e, dump(entry(begin=4, end=8)))
    option = '{"__metadata__":{"lambda_in":"1.0","lambda_in":"1.0"},"w_in":%s}' % e
    return [
        refused("duplicate-lambda", "duplicate", "the same weight twice, with the same value",
                '{"lambdas":{"lambda_in":1.0,"lambda_in":1.0},"tensors":{"w_in":[[1.0]]}}',
                safetensors_file(option.encode(), bytes(4))),
        refused("duplicate-escaped", "duplicate", "the same key, once with an escape",
                '{"lambdas":{"lambda_in":1.0,"lambda\\u005fin":1.0},"tensors":{"w_in":[[1.0]]}}'),
        refused("duplicate-tensor", "duplicate", "the same tensor twice",
                '{"lambdas":{"lambda_in":1.0},"tensors":{"w_in":[[1.0]],"w_in":[[1.0]]}}',
                safetensors_file(twice.encode(), bytes(8))),
        refused("duplicate-member", "duplicate", "the same member twice", '{"tensors":{},"tensors":{}}')]


def requests():
    rows = (("request-array", "an array is no request", "[]", None), ("request-null", "null is no request", "null", None),
            ("request-member", "an unknown member", '{"lambda":{}}', None),
            ("request-lambdas", "lambdas must be an object", '{"lambdas":[]}', None),
            ("option-unknown", "an unknown option", '{"epoch":"1"}', meta(epoch="1")),
            ("option-gradients", "gradients: an unknown word", *with_option("gradients", '"all"')),
            ("option-gradient-dtype", "gradient_dtype: F16 is not offered", *with_option("gradient_dtype", '"F16"')),
            ("option-nonfinite", "nonfinite: an unknown word", *with_option("nonfinite", '"ignore"')),
            ("wrt-unknown", "wrt: no such tensor", *with_option("wrt", '["loss"]')),
            ("wrt-not-sent", "wrt: a tensor that was not sent", *with_option("wrt", '["fr"]')),
            ("wrt-twice", "wrt: the same tensor twice", '{"lambdas":{"lambda_in":1.0},"wrt":["w_in","w_in"],'
             '"tensors":{"w_in":[[1.0]]}}', meta(lambda_in="1.0", wrt="w_in,w_in")))
    out = [refused(name, "invalid-request", comment, text, data) for name, comment, text, data in rows]
    out.append(refused("contract-unknown", "unknown-contract", "a contract that is not served", *with_option("contract", "2")))
    for name, key, value, kind, comment in (
            ("lambda-misspelt", "lambda_fr_vc", "1.0", "unknown-lambda", "no such weight; it may have meant lambda_fr_cv"),
            ("lambda-negative", "lambda_in", "-1.0", "invalid-lambda", "a weight is not negative"),
            ("lambda-negative-tiny", "lambda_in", "-5e-324", "invalid-lambda", "not even a little"),
            ("lambda-infinite", "lambda_in", "1e999", "invalid-lambda", "a weight is finite"),
            ("lambda-text", "lambda_in", '"one"', "invalid-lambda", "a weight is a number")):
        text, data = with_lambda(key, value)
        out.append(refused(name, kind, comment, text, None if kind == "unknown-lambda" else data))
    out.append(refused("option-lambda-misspelt", "unknown-lambda", "the same in metadata", None, meta(lambda_fr_vc="1.0")))
    return out


def tensors():
    def fr(shape, size):
        return st({"__metadata__": {"lambda_fr": "1.0"}, "fr": entry("F32", shape, 0, size)}, size)

    rows = (
        ("tensor-unknown", "unknown-tensor", "state is called fr", '{"tensors":{"state":[[1.0]]}}', st({"state": entry()})),
        ("tensor-missing", "missing-tensor", "a weight > 0 whose term lacks a tensor",
         '{"lambdas":{"lambda_in":1.0},"tensors":{}}', st({"__metadata__": {"lambda_in": "1.0"}}, 0)),
        ("tensor-missing-target", "missing-tensor", "pred without target",
         '{"lambdas":{"lambda_mse":1.0},"tensors":{"pred":[1.0]}}',
         st({"__metadata__": {"lambda_mse": "1.0"}, "pred": entry(shape=(1,))})),
        ("shape-pred-target", "shape-mismatch", "[1, 2] and [1, 3] are not broadcast", *pair([1, 2], [1, 3])),
        ("shape-pred-target-one", "shape-mismatch", "[2, 2] and [1, 2] are not broadcast", *pair([2, 2], [1, 2])),
        ("shape-pred-target-rank", "shape-mismatch", "[2] and [2, 1] have as many elements, no more", *pair([2], [2, 1])),
        ("shape-hid-fr", "shape-mismatch", "w_hid [2, 2], fr [1, 3]: two values of N_hid",
         *pair([1, 3], [2, 2], ("fr", "w_hid"), "lambda_hid")),
        ("shape-hid-square", "shape-mismatch", "w_hid [1, 2] is not square",
         '{"lambdas":{"lambda_hid":1.0},"tensors":{"w_hid":[[1.0,2.0]]}}',
         st({"__metadata__": {"lambda_hid": "1.0"}, "w_hid": entry(shape=(1, 2), end=8)}, 8)),
        ("shape-in-rank", "invalid-shape", "w_in has two axes", IN % "[1.0]", w_in(shape=(1,))),
        ("shape-scalar", "invalid-shape", "fr without axes",
         '{"lambdas":{"lambda_fr":1.0},"tensors":{"fr":%s}}' % (F32 % ("[]", "[1.0]")), fr((), 4)),
        ("shape-rank-9", "invalid-shape", "fr with nine axes",
         '{"lambdas":{"lambda_fr":1.0},"tensors":{"fr":%s}}' % (F32 % (dump([1] * 9), "[1.0]")), fr([1] * 9, 4)),
        ("shape-empty", "invalid-shape", "an empty axis",
         '{"lambdas":{"lambda_fr":1.0},"tensors":{"fr":%s}}' % (F32 % ("[0,2]", "[]")), fr([0, 2], 0)),
        ("dtype-integer", "unsupported-dtype", "I32 is not taken",
         IN % '{"dtype":"I32","shape":[1,1],"data":[1]}', w_in(dtype="I32")),
        ("dtype-name", "unsupported-dtype", "float32 is called F32", IN % '{"dtype":"float32","shape":[1,1],"data":[1]}', None),
        ("data-short", "invalid-data", "fewer numbers than the shape has", IN % (F32 % ("[1,2]", "[1.0]")), None),
        ("data-long", "invalid-data", "more numbers than the shape has", IN % (F32 % ("[1,2]", "[1.0,2.0,3.0]")), None),
        ("data-ragged", "invalid-data", "ragged arrays", IN % "[[1.0,2.0],[3.0]]", None),
        ("data-null", "invalid-data", "null is no number", IN % "[[1.0,null]]", None),
        ("data-both", "invalid-data", "data and data_base64", IN %
         '{"dtype":"F32","shape":[1,1],"data":[0.0],"data_base64":"AAAAAA=="}', None),
        ("data-neither", "invalid-data", "neither data nor data_base64", IN % '{"dtype":"F32","shape":[1,1]}', None),
        ("data-f32-overflow", "invalid-data", "the border itself is beyond F32", IN % (F32 % ("[1,1]", "[3.4028235677973366195e38]")), None),
        ("data-f16-overflow", "invalid-data", "65520 is a tie, to infinity", IN % '{"dtype":"F16","shape":[1,1],"data":[65520]}', None),
        ("data-f64-overflow", "invalid-data", "1e309 is beyond F64", IN % "[[1e309]]", None),
        ("base64-no-padding", "invalid-data", "base64 without padding", IN % (BASE64 % "AAAAAA"), None),
        ("base64-url", "invalid-data", "the alphabet of URLs", IN % (BASE64 % "AAA_AA=="), None),
        ("base64-trailing-bits", "invalid-data", "bits that are lost", IN % (BASE64 % "AAAAAB=="), None),
        ("base64-short", "invalid-data", "3 bytes are no F32", IN % (BASE64 % "AAAA"), None))
    return [refused(*row) for row in rows]


def vectors():
    return malformed() + doubled() + requests() + tensors()
