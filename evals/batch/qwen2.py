"""Qwen2 from a GGUF file in plain torch: many sequences at once, for batches of samples.

Weights are dequantised to fp32 and multiplied in TF32 on a GPU; keys and values are kept in fp16,
as llama.cpp keeps them. Needs torch, numpy and gguf.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from gguf import GGUFReader
from gguf.quants import dequantize


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the model."""

    layers: int
    heads: int
    kv_heads: int
    width: int
    base: float
    epsilon: float


class Qwen2:
    """The decoder. ``slots`` sequences of at most ``length`` tokens each have a place for their
    keys and values.
    """

    def __init__(self, path: Path, slots: int, length: int, device: str) -> None:
        reader = GGUFReader(path)
        read = {name: field.contents() for name, field in reader.fields.items()}
        heads, hidden = read["qwen2.attention.head_count"], read["qwen2.embedding_length"]
        self.shape = Shape(
            read["qwen2.block_count"],
            heads,
            read["qwen2.attention.head_count_kv"],
            hidden // heads,
            read["qwen2.rope.freq_base"],
            read["qwen2.attention.layer_norm_rms_epsilon"],
        )
        self.ends = {read["tokenizer.ggml.eos_token_id"], read["tokenizer.ggml.bos_token_id"]}
        self.weights = {
            t.name: torch.from_numpy(dequantize(t.data, t.tensor_type).copy()).float().to(device)
            for t in reader.tensors
        }
        s = self.shape
        places = (s.layers, 2, slots, s.kv_heads, length, s.width)
        self.memory = torch.zeros(places, dtype=torch.float16, device=device)
        steps = torch.arange(0, s.width, 2, device=device, dtype=torch.float64) / s.width
        position = torch.arange(length, device=device, dtype=torch.float64)
        angles = torch.outer(position, s.base**-steps)
        self.cos, self.sin = angles.cos().float(), angles.sin().float()

    def read(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A prompt (n,): the logits after it, and its keys and values (layers, 2, kv_heads, n,
        width) for ``place``.
        """
        s, count = self.shape, len(tokens)
        kept = self.memory.new_empty((s.layers, 2, s.kv_heads, count, s.width))

        def attend(layer: int, q: Any, k: Any, v: Any) -> Any:
            kept[layer, 0], kept[layer, 1] = k, v
            half = (x.to(torch.float16)[None] for x in (q, k, v))
            return F.scaled_dot_product_attention(*half, is_causal=True, enable_gqa=True)[0].float()

        x = self._layers(tokens, torch.arange(count, device=tokens.device), attend)
        return self._logits(x[-1:])[0], kept

    def place(self, slot: int, kept: torch.Tensor) -> None:
        """Give a slot the keys and values of a prompt."""
        self.memory[:, :, slot, :, : kept.shape[3]] = kept

    def step(self, tokens: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """One token for every slot: logits (slots, vocabulary). ``lengths`` were there before."""
        s, end = self.shape, int(lengths.max()) + 1
        rows = torch.arange(len(tokens), device=tokens.device)
        hidden = torch.arange(end, device=tokens.device)[None] > lengths[:, None]
        group = s.heads // s.kv_heads

        def attend(layer: int, q: Any, k: Any, v: Any) -> Any:
            memory = self.memory[layer]
            memory[0, rows, :, lengths] = k.transpose(0, 1).to(torch.float16)
            memory[1, rows, :, lengths] = v.transpose(0, 1).to(torch.float16)
            known, values = memory[0, :, :, :end], memory[1, :, :, :end]
            query = (q * s.width**-0.5).to(torch.float16).transpose(0, 1)
            query = query.reshape(-1, s.kv_heads, group, s.width)
            score = (query @ known.transpose(2, 3)).float()
            score.masked_fill_(hidden[:, None, None], -torch.inf)
            out = score.softmax(-1).to(torch.float16) @ values
            return out.reshape(-1, s.heads, s.width).transpose(0, 1).float()

        return self._logits(self._layers(tokens, lengths, attend))

    def _layers(self, tokens: Any, positions: Any, attend: Any) -> Any:
        w, s = self.weights, self.shape
        x = w["token_embd.weight"][tokens]
        for layer in range(s.layers):
            at = f"blk.{layer}."
            y = self._norm(x, at + "attn_norm.weight")
            q, k, v = (
                F.linear(y, w[f"{at}attn_{n}.weight"], w[f"{at}attn_{n}.bias"])
                .view(len(x), -1, s.width)
                .transpose(0, 1)
                for n in "qkv"
            )
            out = attend(layer, self._turn(q, positions), self._turn(k, positions), v)
            x = x + F.linear(out.transpose(0, 1).reshape(len(x), -1), w[at + "attn_output.weight"])
            y = self._norm(x, at + "ffn_norm.weight")
            gate = F.silu(F.linear(y, w[at + "ffn_gate.weight"]))
            x = x + F.linear(gate * F.linear(y, w[at + "ffn_up.weight"]), w[at + "ffn_down.weight"])
        return x

    def _norm(self, x: Any, name: str) -> Any:
        return F.rms_norm(x, (x.shape[-1],), self.weights[name], self.shape.epsilon)

    def _turn(self, x: Any, positions: Any) -> Any:
        """Rotary positions, halves as pairs (the NeoX layout)."""
        cos, sin = self.cos[positions], self.sin[positions]
        a, b = x.chunk(2, -1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)

    def _logits(self, x: Any) -> Any:
        w = self.weights
        head = w.get("output.weight", w["token_embd.weight"])
        return F.linear(self._norm(x, "output_norm.weight"), head)
