#!/usr/bin/env python3
"""GET /openapi.json beside the daemon that it describes: nothing is missing, nothing made up, and its examples work.

    tests/openapi_test.py [WORD...]    only tests whose name holds a WORD

`make test-api` goes on from here: a linter of such descriptions, and thousands of requests made from it.
"""
import json
import os
import re

import cases
from http_raw import ROOT, Daemon, ask, get, post

with open(os.path.join(ROOT, "server", "openapi.json"), encoding="utf-8") as file:
    DESCRIPTION = json.load(file)


def source(name):
    with open(os.path.join(ROOT, "server", name), encoding="utf-8") as text:
        return text.read()


def refs(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from refs(child)
    elif isinstance(node, list):
        for child in node:
            yield from refs(child)


def resolve(ref):
    node = DESCRIPTION
    for key in ref.removeprefix("#/").split("/"):
        node = node[key.replace("~1", "/")]
    return node


def operations():
    for path, item in DESCRIPTION["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_routes():
    routes = {path: bool(rest.strip()) for path, rest in
              re.findall(r'\{\.path = "([^"]+)",(\s*\.post = true)?', source("routes.c"))}
    assert len(routes) > 8
    assert {path: method == "post" for path, method, _ in operations()} == routes


def test_types():
    """Every type of problem is some route's, and no route has one that isn't."""
    known = set(re.findall(r'^ *(?:\[PROBLEM_\w+\] = )?\{(?:"#|")([a-z-]+)", *\d+|"#([a-z-]+)"', source("problem.c"), re.M))
    known = {a or b for a, b in known}
    assert len(known) > 25, known
    texts = [r["description"] for r in DESCRIPTION["components"]["responses"].values()]
    texts += [r.get("description", "") for _, _, o in operations() for r in o["responses"].values()]
    said = {name for text in texts for name in re.findall(r"`([a-z-]+)`", text.partition("Types:")[2])}
    assert said <= known, said - known
    assert known - said <= {"method-not-allowed"}, known - said  # no described request has the wrong method


def test_references():
    used = set(refs(DESCRIPTION))
    assert len(used) > 40
    for ref in used:
        assert resolve(ref) is not None
    for kind, members in DESCRIPTION["components"].items():
        for name in members:
            assert kind == "securitySchemes" or f"#/components/{kind}/{name}" in used, f"nothing uses {kind}/{name}"


def parameters(operation):
    found = [resolve(p["$ref"]) if "$ref" in p else p for p in operation["parameters"]]
    return {p["name"]: p for p in found}


def test_options():
    """What the description calls an option is taken, and what it leaves out is not one."""
    names = {"/loss": set(), "/validate": set()}
    for path in names:
        operation = DESCRIPTION["paths"][path]["post"]
        names[path] = {name for name, p in parameters(operation).items() if p["in"] == "query"}
    with Daemon() as daemon:
        for path, known in names.items():
            detail = ask(daemon, post(path + "?nosuch=1", b"{}")).json["detail"]
            listed = set(re.findall(r"[a-z_]{4,}", detail.split("known:")[1])) if "known:" in detail else known
            assert listed <= known | {"known"}, (detail, known)
            for name in known:
                detail = ask(daemon, post(f"{path}?{name}=@", b"{}")).json["detail"]
                assert "unknown option" not in detail, (name, detail)


def test_examples():
    count = 0
    with Daemon() as daemon:
        for path, method, operation in operations():
            for media, content in operation.get("requestBody", {}).get("content", {}).items():
                for example in content.get("examples", {}).values():
                    body = json.dumps(example["value"]).encode()
                    answer = ask(daemon, post(path, body, f"Content-Type: {media}"))
                    assert answer.status == 200, (path, example["summary"], answer.body)
                    schema = resolve(operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"])
                    assert set(schema["required"]) <= set(answer.json) <= set(schema["properties"]), answer.json.keys()
                    count += 1
            if method == "get":
                name = parameters(operation).get("name", {}).get("example", "")
                answer = ask(daemon, get(path.replace("{name}", name)))
                kind = answer.headers["content-type"].split(";")[0]
                assert answer.status == 200 and kind in operation["responses"]["200"]["content"], (path, answer.status, kind)
                count += 1
    assert count > 10


def test_version():
    with Daemon() as daemon:
        served = ask(daemon, get("/openapi.json"))
        assert served.json == DESCRIPTION
        assert DESCRIPTION["info"]["version"] == ask(daemon, get("/version")).json["version"]


if __name__ == "__main__":
    cases.main(globals())
