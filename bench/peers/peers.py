"""Times one matrix product, or attention over a cache, by Tuff and by ggml (its Vulkan and its CPU backend) in turn, on one machine.

Runs inside the Debian 13 root, started by bench/peers/run. Needs nothing but Python's standard library.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

TUFF = pathlib.Path("/src/build/root-release/bin/tuff")
GGML_HEADER = pathlib.Path("/usr/include/ggml.h")
GGML_ATTENTION = pathlib.Path(__file__).with_name("ggml_attention.py")

# What ggml's perf tool has built in, for every format; any other shape goes through its --test-file.
BUILT_IN_M_K = (4096, 14336)
BUILT_IN_N = (1, 2, 3, 4, 5, 8, 512)

# Our name of a format: ggml's name, weights in a block, bytes in a block.
FORMATS = {
    "f32": ("f32", 1, 4),
    "f16": ("f16", 1, 2),
    "bf16": ("bf16", 1, 2),
    "q4_0": ("q4_0", 32, 18),
    "q4_1": ("q4_1", 32, 20),
    "q5_0": ("q5_0", 32, 22),
    "q5_1": ("q5_1", 32, 24),
    "q8_0": ("q8_0", 32, 34),
    "q2_k": ("q2_K", 256, 84),
    "q3_k": ("q3_K", 256, 110),
    "q4_k": ("q4_K", 256, 144),
    "q5_k": ("q5_K", 256, 176),
    "q6_k": ("q6_K", 256, 210),
    "iq2_xxs": ("iq2_xxs", 256, 66),
    "iq2_xs": ("iq2_xs", 256, 74),
    "iq2_s": ("iq2_s", 256, 82),
    "iq3_xxs": ("iq3_xxs", 256, 98),
    "iq3_s": ("iq3_s", 256, 110),
    "iq1_s": ("iq1_s", 256, 50),
    "iq1_m": ("iq1_m", 256, 56),
    "iq4_nl": ("iq4_nl", 32, 18),
    "iq4_xs": ("iq4_xs", 256, 136),
    "tq1_0": ("tq1_0", 256, 54),
    "tq2_0": ("tq2_0", 256, 66),
    "mxfp4": ("mxfp4", 32, 17),
    "nvfp4": ("nvfp4", 64, 36),
    "q1_0": ("q1_0", 128, 18),
    "q2_0": ("q2_0", 64, 18),
}

# Formats of a cache that both have.
CACHE_FORMATS = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")

# ggml-vulkan picks its kernels by what the device offers; on a software device its choice is seldom its best one.
VULKAN_CONFIGS = {
    "default": {},
    "no coopmat": {"GGML_VK_DISABLE_COOPMAT": "1"},
    "no coopmat, no f16": {"GGML_VK_DISABLE_COOPMAT": "1", "GGML_VK_DISABLE_F16": "1"},
}

# A configuration this much slower than the best one in the first round is left out of the later ones.
HOPELESS = 1.5


class PeerError(Exception):
    """A run that gave no figure; the text says why."""


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="bench/peers/run",
        description="Times matrix products, or attention, by Tuff and by ggml's Vulkan and CPU backends, in turn, several rounds, in "
        "the Debian 13 root (tools/dev root), and prints how many times faster Tuff is.",
        epilog="ggml's perf tool has m=4096, k=14336 with n = 1, 2, 3, 4, 5, 8, 512 built in. Other shapes run from a file "
        "of tests, where the tool repeats a product until it has moved 8 GB (32 GB on Vulkan) whatever that takes: fine "
        "for n up to 8, minutes and more beyond. Give such shapes a longer --timeout, or leave them.",
    )
    parser.add_argument("--formats", metavar="F,..", help="default: f16,q8_0,q4_0,q4_k,q6_k, with --attention the first three; known: " + ", ".join(FORMATS))
    parser.add_argument("--shape", action="append", metavar="M,N,K", help="may be given more than once; default: 4096,1,14336 and 4096,512,14336")
    parser.add_argument(
        "--attention", action="append", metavar="HEADS,KV,HEAD,TOKENS,DEPTH",
        help="attention instead of products: heads, kv heads, values of a head, queries, and positions in the cache, which end with the "
        "queries (causal); may be given more than once; formats of K and V: " + ", ".join(CACHE_FORMATS),
    )
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument(
        "--vulkan", action="append", choices=VULKAN_CONFIGS, metavar="CONFIG",
        help="only this configuration of ggml-vulkan; may be given more than once; known: " + "; ".join(VULKAN_CONFIGS),
    )
    parser.add_argument("--device", default="0", help="index of the Vulkan device, for both (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=300, metavar="S", help="seconds for one run of one program (default: %(default)s)")
    parser.add_argument("--md", action="store_true", help="print a Markdown table")
    parser.add_argument("--json", metavar="FILE", help="also write every figure; - is stdout, then without the table")
    arguments = parser.parse_args()

    arguments.configs = {config: VULKAN_CONFIGS[config] for config in arguments.vulkan or VULKAN_CONFIGS}
    if arguments.attention and arguments.shape:
        parser.error("--shape is for products, --attention for attention")
    arguments.formats = (arguments.formats or ("f16,q8_0,q4_0" if arguments.attention else "f16,q8_0,q4_0,q4_k,q6_k")).split(",")
    known = CACHE_FORMATS if arguments.attention else FORMATS
    for name in arguments.formats:
        if name not in known:
            parser.error(f"unknown format '{name}'; known: {', '.join(known)}")
    kind = Attention if arguments.attention else Product
    arguments.work = []
    for text in arguments.attention or arguments.shape or ["4096,1,14336", "4096,512,14336"]:
        try:
            sizes = [int(size) for size in text.split(",")]
            if len(sizes) != len(kind.SIZES) or min(sizes) < 1:
                raise ValueError
        except ValueError:
            parser.error(f"'{text}': {len(kind.SIZES)} positive numbers are wanted, {','.join(kind.SIZES)}")
        for name in arguments.formats:
            work = kind(name, *sizes)
            if work.impossible():
                parser.error(work.impossible())
            arguments.work.append(work)
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    return arguments


def run(command, timeout, environment=None):
    """The command's stdout. stdin is closed, stderr kept for the message of a failure."""
    try:
        done = subprocess.run(
            command, env={**os.environ, **(environment or {})}, timeout=timeout, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        raise PeerError(f"no answer in {timeout:g} s") from None
    except OSError as error:
        raise PeerError(str(error)) from None
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise PeerError(f"exit status {done.returncode}: {last}")
    return done.stdout


def bench_row(arguments, op, name, options):
    """Milliseconds of one execution, by the benchmark's median."""
    output = run(
        [TUFF, "bench", "--device", arguments.device, "--op", op, *map(str, options), "--json", "-"], arguments.timeout
    )
    for row in json.loads(output)["rows"]:
        if row["op"] == op and row["format"] == name:
            if row["status"] != "pass" or not row["time_us"]:
                raise PeerError(f"{row['status']}: {row['reason'] or 'no time'}")
            return row["time_us"] / 1000
    raise PeerError("the benchmark has no such row")


class Product:
    """y = W x: weights of m rows of k, n tokens."""

    SIZES = ("M", "N", "K")

    def __init__(self, name, m, n, k):
        self.format, self.m, self.n, self.k = name, m, n, k
        self.op = "matvec" if n <= 8 else "matmul"
        self.shape = {"m": m, "n": n, "k": k}

    def impossible(self):
        weights = FORMATS[self.format][1]
        return f"k={self.k} is no multiple of the {weights} weights in a block of {self.format}" if self.k % weights else None

    def __str__(self):
        return f"{self.op} {self.m},{self.n},{self.k}"

    def rate(self, ms):
        if self.op == "matmul":
            return f"{2 * self.m * self.k * self.n / ms / 1e6:.1f} GFLOP/s"
        return f"{self.m * self.k / FORMATS[self.format][1] * FORMATS[self.format][2] / ms / 1e6:.1f} GB/s"

    def time_tuff(self, arguments):
        return bench_row(arguments, self.op, self.format, ["--format", self.format, "-m", self.m, "-n", self.n, "-k", self.k])

    def time_ggml(self, arguments, backend, environment):
        """By the mean of its perf tool's runs."""
        command = [ggml_tool(), "perf", "-b", backend]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as tests:
            if (self.m, self.k) == BUILT_IN_M_K and self.n in BUILT_IN_N:
                sizes = f"type_a={FORMATS[self.format][0]},type_b=f32,m={self.m},n={self.n},k={self.k}"
                command += ["-o", "MUL_MAT", "-p", sizes + ",bs=\\[1,1\\],nr=\\[1,1\\],per=\\[0,1,2,3\\]"]
            else:
                tests.write(self.test_file_line())
                tests.flush()
                command += ["--test-file", tests.name]
            output = run(command, arguments.timeout, environment)
        times = re.findall(r"runs - *([0-9.]+) us/run", output)
        if not times:
            raise PeerError("the tool ran nothing: not supported there")
        return float(times[0]) / 1000

    def test_file_line(self):
        """As ggml's tool reads it: op, result (type, sizes), parameters, then each source (type, sizes, strides)."""
        m, n, k = self.m, self.n, self.k
        ggml_name, block_weights, block_bytes = FORMATS[self.format]
        header = GGML_HEADER.read_text()
        op = enumerator(header, "ggml_op", "GGML_OP_MUL_MAT")
        f32 = enumerator(header, "ggml_type", "GGML_TYPE_F32")
        weights = enumerator(header, "ggml_type", "GGML_TYPE_" + ggml_name.upper())
        row = k // block_weights * block_bytes
        numbers = [op, f32, m, n, 1, 1, 0, 2]
        numbers += [weights, k, m, 1, 1, block_bytes, row, row * m, row * m]
        numbers += [f32, k, n, 1, 1, 4, 4 * k, 4 * k * n, 4 * k * n]
        return " ".join(str(number) for number in numbers) + " product\n"


class Attention:
    """Of `tokens` queries at the end of `depth` positions, causal; K and V in one format."""

    SIZES = ("HEADS", "KV", "HEAD", "TOKENS", "DEPTH")
    op = "attention"

    def __init__(self, name, heads, kv_heads, head, tokens, depth):
        self.format = name
        self.heads, self.kv_heads, self.head, self.tokens, self.depth = heads, kv_heads, head, tokens, depth
        self.shape = {"heads": heads, "kv_heads": kv_heads, "head": head, "tokens": tokens, "depth": depth}

    def impossible(self):
        if self.heads % self.kv_heads or self.head % FORMATS[self.format][1]:
            return f"{self.heads} heads of {self.head} values do not fit {self.kv_heads} kv heads in {self.format}"
        return f"{self.tokens} queries at the end of {self.depth} positions" if self.tokens > self.depth else None

    def __str__(self):
        return f"attention {self.heads}/{self.kv_heads}x{self.head} {self.tokens}@{self.depth}"

    def rate(self, ms):
        seen = self.tokens * self.depth - self.tokens * (self.tokens - 1) // 2
        return f"{4 * self.heads * self.head * seen / ms / 1e6:.1f} GFLOP/s"

    def time_tuff(self, arguments):
        sizes = ["--heads", self.heads, "--kv-heads", self.kv_heads, "--head-dim", self.head, "--batch", self.tokens, "--depth", self.depth]
        return bench_row(arguments, self.op, self.format, sizes + ["--kv-k", self.format, "--kv-v", self.format])

    def time_ggml(self, arguments, backend, environment):
        """By the median of the graphs that ggml_attention.py times."""
        sizes = ["--heads", self.heads, "--kv-heads", self.kv_heads, "--head", self.head, "--tokens", self.tokens, "--depth", self.depth]
        command = [sys.executable, GGML_ATTENTION, "--backend", backend, "--k", self.format, "--v", self.format, *map(str, sizes)]
        return statistics.median(float(line) for line in run(command, arguments.timeout, environment).split())


# --- ggml


def ggml_tool():
    found = sorted(pathlib.Path("/usr/libexec").glob("*/ggml/test-backend-ops"))
    if not found:
        sys.exit("test-backend-ops is missing: package libggml-dev of the Debian 13 root")
    return found[0]


def enumerator(header, enum, wanted):
    """The value of a name in a C enum, whose members count up from the last one that was given a value."""
    body = re.search(r"enum %s \{(.*?)\};" % enum, header, re.S).group(1)
    value = -1
    for name, given in re.findall(r"^\s*([A-Z]\w*)(?:\s*=\s*(\d+))?\s*,", body, re.M):
        value = int(given) if given else value + 1
        if name == wanted:
            return value
    raise PeerError(f"{wanted} is not in {GGML_HEADER}")


# --- Rounds


class Series:
    """The times of one program on one product, a place for each round; None where it was not run or gave none."""

    def __init__(self):
        self.times_ms = []
        self.failures = []

    def measure(self, function, *values):
        try:
            self.times_ms.append(function(*values))
        except PeerError as error:
            self.times_ms.append(None)
            self.failures.append(str(error))

    def skip(self):
        self.times_ms.append(None)

    @property
    def median_ms(self):
        times = [time for time in self.times_ms if time is not None]
        return statistics.median(times) if times else None


def compare(arguments, work):
    """Every program in turn, round after round, so that what else the machine does hits all of them alike."""
    ours, cpu = Series(), Series()
    vulkan = {config: Series() for config in arguments.configs}
    left_out = set()
    for number in range(arguments.rounds):
        progress(f"{work} {work.format}, round {number + 1} of {arguments.rounds}")
        ours.measure(work.time_tuff, arguments)
        for config, environment in arguments.configs.items():
            if config in left_out:
                vulkan[config].skip()
            else:
                device = {"GGML_VK_VISIBLE_DEVICES": arguments.device}
                vulkan[config].measure(work.time_ggml, arguments, "Vulkan0", {**device, **environment})
        # With no Vulkan device to open, the tool starts at once.
        cpu.measure(work.time_ggml, arguments, "CPU", {"GGML_VK_VISIBLE_DEVICES": ""})
        if number == 0:
            best = min((series.median_ms for series in vulkan.values() if series.median_ms), default=None)
            for config, series in vulkan.items():
                if series.median_ms is None or series.median_ms > HOPELESS * best:
                    left_out.add(config)
    best_config = min(vulkan, key=lambda config: vulkan[config].median_ms or float("inf"))
    best_times = [min((time for time in times if time is not None), default=None) for times in zip(*(series.times_ms for series in vulkan.values()))]
    return {
        "format": work.format,
        "op": work.op,
        "shape": work.shape,
        "tuff_time_ms": ours.times_ms,
        "vulkan_time_ms": {config: series.times_ms for config, series in vulkan.items()},
        "vulkan_best": best_config if vulkan[best_config].median_ms else None,
        "cpu_time_ms": cpu.times_ms,
        "times_vulkan": times_faster(best_times, ours.times_ms),
        "times_cpu": times_faster(cpu.times_ms, ours.times_ms),
        "failures": {
            label: series.failures
            for label, series in {"tuff": ours, "ggml-cpu": cpu, **{f"ggml-vulkan ({config})": series for config, series in vulkan.items()}}.items()
            if series.failures
        },
        "left_out_after_round_1": sorted(config for config in left_out if vulkan[config].median_ms) if arguments.rounds > 1 else [],
    }


def times_faster(theirs, ours):
    """Theirs / ours round by round: how many times faster we are. None where no round has both."""
    ratios = [a / b for a, b in zip(theirs, ours) if a and b]
    if not ratios:
        return None
    return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}


def progress(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


# --- Report


def first_line(command):
    try:
        return run(command, 30).strip().splitlines()[0]
    except (PeerError, IndexError):
        return None


def machine():
    facts = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            facts["processor"] = line.split(":", 1)[1].strip()
            break
    facts["processors"] = len(os.sched_getaffinity(0))
    try:
        output = run(["vulkaninfo", "--summary"], 30)
    except PeerError:
        output = ""
    for field in ("deviceName", "driverName", "driverInfo"):
        found = re.search(rf"{field}\s*= (.*)", output)
        if found:
            facts[field] = found.group(1).strip()
    for package in ("libggml0", "mesa-vulkan-drivers"):
        facts[package] = first_line(["dpkg-query", "-W", "-f", "${Version}\n", package])
    facts["tuff"] = first_line([TUFF, "--version"])
    return facts


def middle(times):
    times = [time for time in times if time is not None]
    return statistics.median(times) if times else None


def cells(work, row):
    ours = middle(row["tuff_time_ms"])

    def time(value):
        return "-" if value is None else f"{value:.2f}"

    def spread(value):
        return "-" if value is None else f"{value['median']:.2f} ({value['min']:.2f}..{value['max']:.2f})"

    best = row["vulkan_best"]
    return [
        row["format"],
        str(work),
        time(ours),
        "-" if ours is None else work.rate(ours),
        time(middle(row["vulkan_time_ms"][best]) if best else None),
        best or "-",
        time(middle(row["cpu_time_ms"])),
        spread(row["times_vulkan"]),
        spread(row["times_cpu"]),
    ]


HEADINGS = ["format", "op and shape", "tuff ms", "rate", "vulkan ms", "its best", "cpu ms", "times vulkan", "times cpu"]


def print_report(arguments, facts, rows):
    print(", ".join(f"{key} {value}" for key, value in facts.items() if value))
    print(f"{arguments.rounds} rounds; medians; times faster than ggml: median (min..max) over the rounds\n")
    table = [HEADINGS] + [cells(work, row) for work, row in zip(arguments.work, rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
    for number, line in enumerate(table):
        padded = [cell.ljust(width) for cell, width in zip(line, widths)]
        print("| " + " | ".join(padded) + " |" if arguments.md else "  ".join(padded).rstrip())
        if arguments.md and number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    notes = []
    for work, row in zip(arguments.work, rows):
        what = f"{work} {work.format}"
        notes += [f"{what}: {label}: {why[-1]} ({len(why)} times)" for label, why in row["failures"].items()]
        for config in row["left_out_after_round_1"]:
            first = row["vulkan_time_ms"][config][0]
            notes.append(f"{what}: ggml-vulkan ({config}) was over {HOPELESS:g} times slower than its best ({first:.2f} ms), left out after round 1")
    if notes:
        print("\n" + "\n".join(("* " if arguments.md else "") + note for note in notes))


def main():
    arguments = parse_arguments()
    facts = machine()
    rows = []
    for work in arguments.work:
        rows.append(compare(arguments, work))
        # An hour of figures should survive whatever ends the run early.
        progress(json.dumps(rows[-1]))
    if arguments.json:
        text = json.dumps({"machine": facts, "rounds": arguments.rounds, "rows": rows}, indent=2) + "\n"
        if arguments.json == "-":
            sys.stdout.write(text)
        else:
            pathlib.Path(arguments.json).write_text(text)
    if arguments.json != "-":
        print_report(arguments, facts, rows)
    return 1 if any(row["tuff_time_ms"].count(None) for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
