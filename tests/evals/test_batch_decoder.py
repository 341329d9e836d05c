"""The batch decoder: a step of many sequences is one function, and no request is lost."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
gguf = pytest.importorskip("gguf")


def tiny(path: Path) -> Path:
    """A random Qwen2 of two layers as a GGUF file."""
    writer, random = gguf.GGUFWriter(path, "qwen2"), np.random.default_rng(3)
    hidden, inner, words = 64, 96, 50
    writer.add_block_count(2)
    writer.add_embedding_length(hidden)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_eos_token_id(1)
    writer.add_bos_token_id(2)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.standard_normal(shape).astype(np.float32) * 0.3)

    add("token_embd.weight", words, hidden)
    add("output_norm.weight", hidden)
    for layer in ("blk.0.", "blk.1."):
        for name, rows in (("attn_q", hidden), ("attn_k", 32), ("attn_v", 32)):
            add(f"{layer}{name}.weight", rows, hidden)
            add(f"{layer}{name}.bias", rows)
        add(layer + "attn_output.weight", hidden, hidden)
        add(layer + "attn_norm.weight", hidden)
        add(layer + "ffn_norm.weight", hidden)
        add(layer + "ffn_gate.weight", inner, hidden)
        add(layer + "ffn_up.weight", inner, hidden)
        add(layer + "ffn_down.weight", hidden, inner)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_step_of_many_slots_is_what_reading_the_longer_prompts_gives(tmp_path: Path) -> None:
    path = tiny(tmp_path / "tiny.gguf")
    from evals.batch.qwen2 import Qwen2

    model = Qwen2(path, 3, 16, "cpu")
    prompts = [torch.tensor(p) for p in ([3, 4, 5], [6, 7], [8, 9, 10, 11, 12, 13])]
    news = torch.tensor([20, 21, 22])
    lengths = torch.tensor([len(p) for p in prompts])
    for slot, prompt in enumerate(prompts):
        model.place(slot, model.read(prompt)[1])
    both = model.step(news, lengths)
    for slot, prompt in enumerate(prompts):
        alone, _ = model.read(torch.cat((prompt, news[slot : slot + 1])))
        torch.testing.assert_close(both[slot], alone, rtol=0.02, atol=0.02)
    assert not torch.allclose(both[0], both[1], atol=0.1)


def test_every_request_is_answered_once_and_resumed(tmp_path: Path) -> None:
    path = tiny(tmp_path / "tiny.gguf")
    from evals.batch.generate import answer

    archive, replies = tmp_path / "requests.npz", tmp_path / "replies.jsonl"
    count = 9
    np.savez(
        archive,
        tokens=np.array([3, 4, 5, 6, 7], np.uint32),
        ends=np.array([3, 5]),
        prompt=np.arange(count) % 2,
        temperature=np.where(np.arange(count) < 4, 0.0, 0.8),
        top_p=np.full(count, 0.95),
        most=np.arange(count) + 1,
    )
    options = argparse.Namespace(
        weights=path, requests=archive, replies=replies, slots=2, seconds=60
    )
    answer(options, "cpu")
    lines = replies.read_text().splitlines()
    replies.write_text("".join(line + "\n" for line in lines[:5]))
    answer(options, "cpu")
    found = [json.loads(line) for line in replies.read_text().splitlines()]
    assert sorted(f["number"] for f in found) == list(range(count))
    assert all(1 <= len(f["tokens"]) <= f["number"] + 1 for f in found)
    greedy = {f["number"]: f["tokens"] for f in found if f["number"] in (0, 2)}
    assert greedy[2][:1] == greedy[0], "samples at temperature 0 of one prompt differ"
