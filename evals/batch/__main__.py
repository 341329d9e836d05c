"""``python -m evals.batch``: write down requests for a GPU, and take its answers into the cache."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import httpx
import numpy as np
import xllamacpp

from evals.batch.collect import first_requests
from evals.verilog.ablation import settings
from evals.verilog.problems import SUITES, Problem, Suite
from evals.verilog.run import choose
from evals.verilog.systems import Setting, System, bare_request, words
from lpcm.cache import ReplyCache
from lpcm.gateway import cache_key
from lpcm.messages import ModelReply, ModelRequest, Usage
from lpcm.models import default_model, open_model
from lpcm.pull import located
from memory.home import home
from memory.records import Goal
from sandboxes.probe import open_sandbox


@click.group()
def cli() -> None:
    """The embedded model's first answers in one batch, made on a machine with a GPU."""


@cli.command()
@click.argument("folder", type=Path)
@click.option("--data", type=Path, required=True, help="The benchmark's checkout.")
@click.option("--suite", default="v2-spec", show_default=True, type=click.Choice(SUITES))
@click.option("--system", default="qimeng", type=click.Choice(["bare", "qimeng"]))
@click.option("--candidates", default=6, show_default=True)
@click.option("--seeds", default=1, show_default=True)
@click.option("--every", default=1, show_default=True, help="Take every Nth problem.")
@click.option("--variant", default="whole", show_default=True, help="As in evals.verilog ablate.")
def collect(
    folder: Path, data: Path, suite: Suite, system: System, candidates: int, seeds: int, every: int,
    variant: str,
) -> None:  # fmt: skip
    """Add requests to FOLDER: requests.jsonl, and requests.npz for evals.batch.generate."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = Setting(system=system, model=default_model(), candidates=candidates, seeds=seeds)
    setting, sandbox = settings(whole)[variant], open_sandbox()
    path = folder / "requests.jsonl"
    known = {request.key(): request for request in _requests(path)} if path.exists() else {}
    for problem in choose(data, suite, (), every)[0]:
        for seed in range(seeds):
            if system == "bare":
                found = [bare_request(problem, setting, seed, data)]
            else:
                found = first_requests(_goal(problem, setting, seed), setting.model, sandbox)
            known |= {request.key(): request for request in found}
    path.write_text("".join(f"{request.model_dump_json()}\n" for request in known.values()))
    _archive(folder / "requests.npz", list(known.values()))
    click.echo(f"{len(known)} requests in {path}")


@cli.command()
@click.argument("folder", type=Path)
def store(folder: Path) -> None:
    """Put the answers of FOLDER/replies.jsonl into the reply cache; those already there stay."""
    requests = _requests(folder / "requests.jsonl")
    ends = np.load(folder / "requests.npz")
    lengths = np.diff(ends["ends"], prepend=0)[ends["prompt"]]
    backend, cache = open_model(default_model()), ReplyCache(home() / "replies.db")
    with _Server() as server:
        for line in (folder / "replies.jsonl").read_text().splitlines():
            answer = json.loads(line)
            request, tokens = requests[answer["number"]], answer["tokens"]
            usage = Usage(tokens_in=int(lengths[answer["number"]]), tokens_out=len(tokens))
            cut = len(tokens) >= request.max_tokens
            text = server.text(tokens if cut else tokens[:-1])
            finish: Any = "length" if cut else "stop"
            reply = ModelReply(text=text, model=request.model, usage=usage, finish_reason=finish)
            cache.put(cache_key(backend, request), reply)


def _goal(problem: Problem, setting: Setting, seed: int) -> Goal:
    """As the harness gives it to the product."""
    return Goal(
        text=words(problem),
        model=setting.model,
        candidates=setting.candidates,
        seed=seed,
        parts=setting.parts,
    )


def _requests(path: Path) -> list[ModelRequest]:
    return [ModelRequest.model_validate_json(line) for line in path.read_text().splitlines()]


def _archive(path: Path, requests: Sequence[ModelRequest]) -> None:
    """Tokens of the different prompts, end to end, and each request's prompt and settings."""
    prompts: dict[str, int] = {}
    tokens: list[list[int]] = []
    which = []
    with _Server() as server:
        for request in requests:
            words = json.dumps([m.model_dump(mode="json") for m in request.messages])
            if words not in prompts:
                prompts[words] = len(tokens)
                tokens.append(server.tokens(request))
            which.append(prompts[words])
    np.savez_compressed(
        path,
        tokens=np.concatenate(tokens).astype(np.uint32),
        ends=np.cumsum([len(t) for t in tokens]),
        prompt=np.array(which),
        temperature=np.array([r.temperature for r in requests]),
        top_p=np.array([r.top_p for r in requests]),
        most=np.array([r.max_tokens for r in requests]),
    )


class _Server:
    """llama.cpp's own template and tokenizer."""

    def __enter__(self) -> _Server:
        params = xllamacpp.CommonParams()
        params.model.path = str(located())
        params.n_ctx, params.verbosity, params.warmup = 512, -1, False
        self.server: Any = xllamacpp.Server(params)
        self.client = httpx.Client(base_url=self.server.listening_address, timeout=60)
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()
        self.server = None

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.post(path, json=body).raise_for_status().json()

    def tokens(self, request: ModelRequest) -> list[int]:
        turns = [{"role": m.role, "content": m.content} for m in request.messages]
        prompt = self._post("/apply-template", {"messages": turns})["prompt"]
        body = {"content": prompt, "add_special": True, "parse_special": True}
        found: list[int] = self._post("/tokenize", body)["tokens"]
        return found

    def text(self, tokens: list[int]) -> str:
        return str(self._post("/detokenize", {"tokens": tokens})["content"])


if __name__ == "__main__":
    cli()
