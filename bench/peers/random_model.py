#!/usr/bin/env python3
"""Writes an F16 model of random weights, for timing `tuff quantize` beside llama-quantize.

usage: random_model.py OUT.gguf [--layers N]

The shapes are those of a llama with rows of 2048, 8192 wide feed-forward layers and grouped heads; a layer takes
118 MB. Weights are Gaussian draws, 4 million of them, which the tensors repeat from different starts.
"""
import argparse
import array
import random
import struct

EMBEDDING, FEED_FORWARD, HEADS, KV_HEADS, VOCABULARY = 2048, 8192, 32, 8, 512
F32, F16 = 0, 1
ALIGNMENT = 32


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def key(name, value):
    if isinstance(value, str):
        return text(name) + struct.pack("<I", 8) + text(value)
    if isinstance(value, float):
        return text(name) + struct.pack("<If", 6, value)
    return text(name) + struct.pack("<II", 4, value)


def metadata(layers):
    return [key("general.architecture", "llama"), key("general.file_type", 1),
            key("llama.block_count", layers), key("llama.context_length", 2048),
            key("llama.embedding_length", EMBEDDING), key("llama.feed_forward_length", FEED_FORWARD),
            key("llama.attention.head_count", HEADS), key("llama.attention.head_count_kv", KV_HEADS),
            key("llama.attention.layer_norm_rms_epsilon", 1e-5), key("llama.vocab_size", VOCABULARY),
            key("tokenizer.ggml.model", "none")]


def tensors(layers):
    kv = EMBEDDING // HEADS * KV_HEADS
    yield "token_embd.weight", (EMBEDDING, VOCABULARY)
    for layer in range(layers):
        for part, shape in (("attn_norm", (EMBEDDING,)), ("attn_q", (EMBEDDING, EMBEDDING)),
                            ("attn_k", (EMBEDDING, kv)), ("attn_v", (EMBEDDING, kv)),
                            ("attn_output", (EMBEDDING, EMBEDDING)), ("ffn_norm", (EMBEDDING,)),
                            ("ffn_gate", (EMBEDDING, FEED_FORWARD)), ("ffn_up", (EMBEDDING, FEED_FORWARD)),
                            ("ffn_down", (FEED_FORWARD, EMBEDDING))):
            yield f"blk.{layer}.{part}.weight", shape
    yield "output_norm.weight", (EMBEDDING,)
    yield "output.weight", (EMBEDDING, VOCABULARY)


def elements(shape):
    return shape[0] * (shape[1] if len(shape) > 1 else 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    parser.add_argument("--layers", type=int, default=8)
    arguments = parser.parse_args()

    draw = random.Random(1)
    count = 1 << 22
    weights = b"".join(struct.pack("<e", draw.gauss(0, 0.02)) for _ in range(count))
    norm = array.array("f", [1.0] * EMBEDDING).tobytes()

    infos, offset = b"", 0
    all_tensors = list(tensors(arguments.layers))
    for name, shape in all_tensors:
        kind = F32 if len(shape) == 1 else F16
        infos += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in shape)
        infos += struct.pack("<IQ", kind, offset)
        offset += elements(shape) * (4 if kind == F32 else 2)
    keys = metadata(arguments.layers)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(all_tensors), len(keys)) + b"".join(keys) + infos
    with open(arguments.output, "wb") as file:
        file.write(head + b"\0" * (-len(head) % ALIGNMENT))
        for _, shape in all_tensors:
            if len(shape) == 1:
                file.write(norm)
                continue
            start, left = 2 * draw.randrange(count), 2 * elements(shape)
            while left > 0:
                piece = weights[start:start + left]
                file.write(piece)
                left -= len(piece)
                start = 0


if __name__ == "__main__":
    main()
