"""The character GPT in PyTorch, with the same names: weights go both ways as safetensors.

    python3 in_pytorch.py write weights.safetensors text.txt   # fresh weights for the characters of a text
    python3 in_pytorch.py read weights.safetensors text.txt    # the loss over a text, by weights of either side

Needs torch and safetensors.
"""
import sys

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

HEADS, CONTEXT, WIDTH, LAYERS = 4, 32, 64, 2


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        batch, length, width = x.shape
        heads = lambda t: t.view(batch, length, HEADS, width // HEADS).transpose(1, 2)
        q, k, v = map(heads, self.qkv(x).split(width, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.ln1, self.attn = nn.LayerNorm(width), Attention(width)
        self.ln2, self.fc1, self.fc2 = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.fc2(F.gelu(self.fc1(self.ln2(x))))


class CharGpt(nn.Module):
    def __init__(self, vocab, context, width, layers):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(layers))
        self.ln = nn.LayerNorm(width)
        for p in self.parameters():
            if p.ndim == 2:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids):
        x = self.tok(ids) + self.pos.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return F.linear(self.ln(x), self.tok.weight)


def write(path, text):
    torch.manual_seed(0)
    characters = "".join(sorted(set(text)))
    model = CharGpt(len(characters), CONTEXT, WIDTH, LAYERS)
    save_file(model.state_dict(), path, metadata={"vocabulary": characters})
    print(f"{len(characters)} characters, {sum(p.numel() for p in model.parameters())} parameters")


def read(path, text):
    with safe_open(path, "pt") as file:
        vocabulary = file.metadata()["vocabulary"]
        state = {name: file.get_tensor(name) for name in file.keys()}
    (vocab, width), (context, _) = state["tok.weight"].shape, state["pos.weight"].shape
    layers = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("blocks."))
    model = CharGpt(vocab, context, width, layers)
    model.load_state_dict(state)
    ids = torch.tensor([vocabulary.index(c) for c in text if c in vocabulary])
    windows = ids[: (len(ids) - 1) // context * context + 1]
    with torch.no_grad():
        logits = model(windows[:-1].view(-1, context))
    print(f"loss {F.cross_entropy(logits.flatten(0, 1), windows[1:]).item():.6f}")


if __name__ == "__main__":
    command, path, words = sys.argv[1:]
    with open(words, encoding="utf-8") as file:
        {"read": read, "write": write}[command](path, file.read())
