"""Times one attention by a backend of ggml, through ggml's own C interface, and prints the milliseconds of each run.

ggml's perf tool knows attention of a few shapes only; this makes the same graph for any: FLASH_ATTN_EXT with q in f32, K and V of
[head size, positions, kv heads] in the format asked for, and a mask in f16 that lets each query see the positions up to its own.
Runs inside the Debian 13 root, in a process of its own, because ggml reads its environment once. Needs nothing but Python's standard
library.
"""

import argparse
import array
import ctypes
import math
import os
import random
import time

TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20, "bf16": 30}
F32, F16 = TYPES["f32"], TYPES["f16"]
POOL_ROWS = 251  # random rows, which K and V repeat
HIDDEN, SEEN = b"\x00\xfc", b"\x00\x00"  # -infinity and 0 in f16

# A graph holds as many equal nodes as take this long: with few, ggml's threads wait for each other more than they work.
GRAPH_SECONDS, MOST_NODES = 1.5, 64


class InitParams(ctypes.Structure):
    _fields_ = [("mem_size", ctypes.c_size_t), ("mem_buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool)]


def load():
    """The functions used here, with their types."""
    base = ctypes.CDLL("libggml-base.so.0", mode=ctypes.RTLD_GLOBAL)
    registry = ctypes.CDLL("libggml.so.0", mode=ctypes.RTLD_GLOBAL)
    pointer, size, integer, real, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_float, ctypes.c_char_p
    signatures = {
        "ggml_init": (pointer, InitParams),
        "ggml_tensor_overhead": (size,),
        "ggml_graph_overhead_custom": (size, size, ctypes.c_bool),
        "ggml_new_tensor_4d": (pointer, pointer, integer, *[ctypes.c_int64] * 4),
        "ggml_flash_attn_ext": (pointer, *[pointer] * 5, real, real, real),
        "ggml_new_graph_custom": (pointer, pointer, size, ctypes.c_bool),
        "ggml_build_forward_expand": (None, pointer, pointer),
        "ggml_row_size": (size, integer, ctypes.c_int64),
        "ggml_quantize_chunk": (size, integer, pointer, pointer, *[ctypes.c_int64] * 3, pointer),
        "ggml_backend_alloc_ctx_tensors": (pointer, pointer, pointer),
        "ggml_backend_tensor_set": (None, pointer, text, size, size),
        "ggml_backend_graph_compute": (integer, pointer, pointer),
        "ggml_backend_supports_op": (ctypes.c_bool, pointer, pointer),
        "ggml_backend_get_device": (pointer, pointer),
        "ggml_backend_dev_backend_reg": (pointer, pointer),
        "ggml_backend_reg_get_proc_address": (pointer, pointer, text),
        "ggml_backend_load_all": (None,),
        "ggml_backend_init_by_name": (pointer, text, text),
    }
    functions = {}
    for name, (result, *arguments) in signatures.items():
        function = getattr(base, name, None) or getattr(registry, name)
        function.restype, function.argtypes = result, arguments
        functions[name.removeprefix("ggml_")] = function
    return type("Ggml", (), {name: staticmethod(function) for name, function in functions.items()})


def open_backend(ggml, name):
    ggml.backend_load_all()
    backend = ggml.backend_init_by_name(name.encode(), None)
    if not backend:
        raise SystemExit(f"ggml has no backend {name}")
    registration = ggml.backend_dev_backend_reg(ggml.backend_get_device(backend))
    setter = ggml.backend_reg_get_proc_address(registration, b"ggml_backend_set_n_threads")
    if setter:
        ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int)(setter)(backend, len(os.sched_getaffinity(0)))
    return backend


def random_rows(ggml, kind, values, rows):
    """Bytes of `rows` rows of `values` numbers in [-1, 1], from a pool of a prime number of them."""
    pool = array.array("f", (random.uniform(-1, 1) for _ in range(POOL_ROWS * values)))
    row_bytes = ggml.row_size(kind, values)
    made = ctypes.create_string_buffer(POOL_ROWS * row_bytes)
    ggml.quantize_chunk(kind, pool.buffer_info()[0], made, 0, POOL_ROWS, values, None)
    return (made.raw * math.ceil(rows / POOL_ROWS))[: rows * row_bytes]


class Problem:
    def __init__(self, ggml, backend, arguments):
        self.ggml, self.backend, self.arguments = ggml, backend, arguments
        a = arguments
        bytes_needed = ggml.tensor_overhead() * (8 + 2 * MOST_NODES) + 2 * ggml.graph_overhead_custom(2 * MOST_NODES, False)
        self.context = ggml.init(InitParams(bytes_needed, None, True))
        k_type, v_type = TYPES[a.k], TYPES[a.v]
        tensor = lambda kind, *sizes: ggml.new_tensor_4d(self.context, kind, *sizes)
        self.q = tensor(F32, a.head, a.tokens, a.heads, 1)
        self.k = tensor(k_type, a.head, a.depth, a.kv_heads, 1)
        self.v = tensor(v_type, a.head, a.depth, a.kv_heads, 1)
        self.mask = tensor(F16, a.depth, a.tokens, 1, 1)
        self.nodes = [
            ggml.flash_attn_ext(self.context, self.q, self.k, self.v, self.mask, 1 / math.sqrt(a.head), 0, 0) for _ in range(MOST_NODES)
        ]
        if not ggml.backend_supports_op(backend, self.nodes[0]):
            raise SystemExit(f"{a.backend} does not support this attention")
        if not ggml.backend_alloc_ctx_tensors(self.context, backend):
            raise SystemExit(f"{a.backend} has no memory for this attention")
        random.seed(1)
        self.fill(self.q, random_rows(ggml, F32, a.head, a.tokens * a.heads))
        self.fill(self.k, random_rows(ggml, k_type, a.head, a.depth * a.kv_heads))
        self.fill(self.v, random_rows(ggml, v_type, a.head, a.depth * a.kv_heads))
        first = a.depth - a.tokens + 1  # positions that the first query sees
        self.fill(self.mask, b"".join(SEEN * (first + t) + HIDDEN * (a.tokens - 1 - t) for t in range(a.tokens)))

    def fill(self, tensor, data):
        self.ggml.backend_tensor_set(tensor, data, 0, len(data))

    def graph(self, nodes):
        made = self.ggml.new_graph_custom(self.context, 2 * MOST_NODES, False)
        for node in self.nodes[:nodes]:
            self.ggml.build_forward_expand(made, node)
        return made

    def time(self, graph, nodes):
        start = time.perf_counter()
        if self.ggml.backend_graph_compute(self.backend, graph) != 0:
            raise SystemExit(f"{self.arguments.backend} failed")
        return (time.perf_counter() - start) * 1000 / nodes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", required=True, help="Vulkan0, CPU, ...")
    parser.add_argument("--heads", type=int, default=32, help="default: %(default)s")
    parser.add_argument("--kv-heads", type=int, default=8, help="default: %(default)s")
    parser.add_argument("--head", type=int, default=128, help="values of a head (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=1, help="queries, at the end of the positions (default: %(default)s)")
    parser.add_argument("--depth", type=int, default=8192, help="positions, those of the queries included (default: %(default)s)")
    parser.add_argument("--k", choices=TYPES, default="f16", help="format of K (default: %(default)s)")
    parser.add_argument("--v", choices=TYPES, default="f16", help="format of V (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="graphs that are timed (default: %(default)s)")
    arguments = parser.parse_args()
    ggml = load()
    problem = Problem(ggml, open_backend(ggml, arguments.backend), arguments)
    single = problem.graph(1)
    problem.time(single, 1)  # compiles kernels
    nodes = min(MOST_NODES, max(2, math.ceil(GRAPH_SECONDS * 1000 / problem.time(single, 1))))
    graph = problem.graph(nodes)
    for _ in range(arguments.runs):
        print(f"{problem.time(graph, nodes):.4f}")


if __name__ == "__main__":
    main()
