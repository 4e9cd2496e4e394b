#!/usr/bin/env python3
"""What one writes without rnnlossd: the same losses as a FastAPI service, by PyTorch and its autograd.

    tests/bench/service.py      listens on a free port of the loopback, and says so

bench-wire measures it beside the daemon. It is meant to be a fair, idiomatic one: pydantic for JSON, torch.frombuffer
for safetensors, answers that go around FastAPI's slow encoder, and uvicorn with uvloop and httptools where these are
installed (uvicorn's Debian package brings neither). It checks less than the daemon does, and its sums are rounded as
they come.
"""
import json
import socket
import sys
from typing import Any, Dict

try:
    import torch
    import uvicorn
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import JSONResponse
    from pydantic import BaseModel
except ImportError as error:
    sys.exit(print(f"{error.name} is not installed (python3-fastapi, python3-uvicorn, python3-torch)", flush=True))

DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
OPTIONS = {"gradients"}
service = FastAPI()


class Problem(BaseModel):
    lambdas: Dict[str, float] = {}
    tensors: Dict[str, Any] = {}
    gradients: str = "total"


def rate_sd(tensors):
    return tensors["fr"].flatten(0, -2).mean(0).std(unbiased=False)


TERMS = {
    "mse": lambda t: torch.nn.functional.mse_loss(t["pred"], t["target"]),
    "in": lambda t: t["w_in"].square().mean(),
    "hid": lambda t: t["w_hid"].square().mean(),
    "out": lambda t: t["w_out"].square().mean(),
    "fr": lambda t: t["fr"].square().mean(),
    "fr_sd": rate_sd,
    "fr_cv": lambda t: rate_sd(t) / t["fr"].mean(),
}


def evaluate(lambdas, tensors, gradients):
    """The total, each term's value, and the gradients, all as tensors."""
    wanted = gradients != "none"
    for name, tensor in tensors.items():
        tensor.requires_grad_(wanted and name != "target")
    values = {name: term(tensors) for name, term in TERMS.items() if lambdas.get("lambda_" + name)}
    loss = sum(lambdas["lambda_" + name] * value for name, value in values.items())
    if wanted:
        loss.backward()
    return loss, values, {name: tensor.grad for name, tensor in tensors.items() if tensor.grad is not None}


@service.post("/loss")
async def loss_json(problem: Problem):
    tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in problem.tensors.items()}
    loss, values, gradients = evaluate(problem.lambdas, tensors, problem.gradients)
    terms = {name: {"lambda": problem.lambdas["lambda_" + name], "unweighted": value.item(),
                    "loss": problem.lambdas["lambda_" + name] * value.item()} for name, value in values.items()}
    answer = {"loss": loss.item(), "terms": terms}
    if problem.gradients != "none":
        answer["gradients"] = {name: gradient.tolist() for name, gradient in gradients.items()}
    return JSONResponse(answer)


def read_safetensors(body):
    size = int.from_bytes(body[:8], "little")
    header = json.loads(bytes(body[8:8 + size]))
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = DTYPES[entry["dtype"]]
        count = (end - begin) // torch.empty((), dtype=dtype).element_size()
        tensors[name] = torch.frombuffer(body, dtype=dtype, count=count, offset=8 + size + begin).view(entry["shape"])
    return metadata, tensors


def write_safetensors(tensors):
    header, parts, at = {}, [], 0
    for name, tensor in tensors.items():
        data = memoryview(tensor.detach().contiguous().numpy().reshape(-1)).cast("B")
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


@service.post("/safetensors")
async def loss_safetensors(request: Request):
    body = bytearray(await request.body())  # writable: torch warns of the other kind
    metadata, tensors = read_safetensors(body)
    lambdas = {name: float(value) for name, value in metadata.items() if name not in OPTIONS}
    loss, values, gradients = evaluate(lambdas, tensors, metadata.get("gradients", "total"))
    answer = {"loss": loss.double()}
    answer.update({f"terms.{name}.unweighted": value.double() for name, value in values.items()})
    answer.update({f"gradients.{name}": gradient for name, gradient in gradients.items()})
    return Response(write_safetensors(answer), media_type="application/vnd.safetensors")


def main():
    # With its protocol named, as uvicorn's own sockets have it: else asyncio leaves Nagle's algorithm on, and answers
    # that are written in two parts take 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(service, log_level="error", access_log=False)).run(sockets=[listener])


if __name__ == "__main__":
    main()
