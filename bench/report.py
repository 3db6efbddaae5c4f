"""Makes tables of what bench/run.sh has measured.

    bench/report.py ROWS RESULTS     joins rows of JSON to RESULTS, prints tables
    bench/report.py --charts RESULTS DIRECTORY     data files for bench/charts.gp
"""
import json
import statistics
import sys

OURS, THEIRS = "ours", "theirs"

# Rows that agree in these fields are the same figure, measured several times.
IDENTITY = ("part", "binary", "call", "store", "vus", "keys", "name", "size", "unit", "limit")

# What is aimed at. Of calls: the ratio to a bare await, one virtual user, 20,000
# keys, values of 50 bytes.
CALLS = {
    "get": {"memory": 2.0, "disk": 2.6},
    "exists": {"memory": 1.3, "disk": 1.8},
    "size": {"memory": 1.2, "disk": 1.5},
    "set": {"memory": 2.3, "disk none": 6},
    "randomKey": {"memory": 1.4, "disk": 1.4},
    "randomKey, prefix": {"memory": 1.6, "disk": 1.6, "memory, untracked": 2, "disk, untracked": 80},
    "list of 100": {"memory": 38, "disk": 40},
    "count, prefix": {"memory": 1.4},
    "incrementBy": {"memory": 1.5},
    "setIfAbsent": {"memory": 2},
    "compareAndSwap": {"memory": 3},
    "claimRandom + releaseClaim": {"memory": 6},
    "popRandom": {"memory": 3.5},
    "next": {"memory": 2.5},
    "getMany of 100": {"memory": 0.7},  # these are per key
    "setMany of 100": {"memory": 0.7},
    "scanKeys of 1000": {"memory": 0.15},
}
METRICS = 1.15  # times the ratio without metrics.operations
MANY_KEYS = 2  # times the ratio at 20,000 keys, for calls that have an index
# Of libxkv at a million keys: (field, factor to show it with, at most, what it is).
LIBRARY = {
    "memory get": ("value", 300, "ns"),
    "memory random key, prefix": ("value", 500, "ns"),
    "disk get": ("ratio", 1.3, "x"),
    "memory get, 2 threads": ("ratio", 1 / 1.8, "x"),
    "memory 90/10 mix, 2 threads": ("ratio", 1 / 1.6, "x"),
    "opening the tracked disk store": ("value", 500, "ms"),
    "clear of 1000000 keys": ("value", 5, "ms"),
    "clear of 1000000 keys: others wait": ("value", 5, "ms"),
}
# Times the calls per second of one virtual user.
COMMITS = {"set": {50: 12, 500: 18}, "popRandom": {50: 10}}
COMMIT_OVER_LMDB = 1.25
SCALING = 1.7  # two processors
TAIL = 20  # p99 over the median
TURNS = 1.4  # the longest iteration over what it would take if all went side by side
DECODE, ENCODE = 0.4, 1.2
PEAK_MB, LOAD_US = 230, 4
CLEAR_US = 5000
REDIS = 8
# Stores on a server, next to other clients: calls per second, the server's time for a call.
LIBRARY_OVER_GO = {"get": 4, "set": 2.5}
K6_OVER_REDIS = {("get", 50): 2.5, ("set", 50): 2.2, ("get", 1): 0.95}
SERVER_OVER_REDIS = {("get", 50): 0.3, ("set", 50): 0.45}
CLUSTER_BUSIEST = 0.4
CLUSTER_OVER_ONE = {"set": 2, "randomKey, prefix": 2.2}
SERVER_IN_GETS = {"randomKey, prefix": 8, "claimRandom": 20}
SERVER_MANY_KEYS = 1.3  # times that at 20,000


# --- rows -----------------------------------------------------------------------


def same(rows):
    """One row for all that measure the same: the medians of its numbers."""
    first = rows[0]
    joined = {key: first[key] for key in IDENTITY if key in first}
    for key in dict.fromkeys(key for row in rows for key in row):
        if key in joined:
            continue
        values = [row[key] for row in rows if row.get(key) is not None]
        numbers = all(isinstance(value, (int, float)) for value in values)
        joined[key] = statistics.median(values) if numbers and values else first.get(key)
    # k6 opens the store once for each of its handles; only the first takes time.
    if first.get("name") == "open":
        joined["ms"] = max(row["ms"] for row in rows)
    return joined


def join(rows):
    groups = {}
    for row in rows:
        identity = tuple(row.get(key) for key in IDENTITY) + (
            (row.get("bytes"),) if row["part"] in ("calls", "vus", "mix") else ()
        )
        groups.setdefault(identity, []).append(row)
    return [same(group) for group in groups.values()]


class Results:
    def __init__(self, rows):
        self.machine = next((row for row in rows if row["part"] == "machine"), {})
        self.rows = [row for row in rows if row["part"] != "machine"]
        self.compares = any(row.get("binary") == THEIRS for row in rows)

    def of(self, part, binary=OURS, **fields):
        return [
            row
            for row in self.rows
            if row["part"] == part
            and row.get("binary", OURS) == binary
            and all(row.get(key) == value for key, value in fields.items())
        ]

    def one(self, part, binary=OURS, **fields):
        return next(iter(self.of(part, binary, **fields)), {})


# --- tables ---------------------------------------------------------------------


def number(value, digits=None):
    if value is None:
        return "-"
    if digits is None:
        digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    return f"{value:,.{digits}f}"


def target(figure, most=None, least=None):
    """Two cells: what is aimed at, and whether the figure is there."""
    if figure is None or (most is None and least is None):
        return ["", ""]
    if most is not None:
        return [f"<= {most:g}" if most >= 1 else f"<= {most:.2f}", "yes" if figure <= most else "no"]
    return [f">= {least:g}", "yes" if figure >= least else "no"]


def table(title, header, lines, left=1):
    """Columns as wide as they need; the first `left` of them are words."""
    if not lines:
        return
    cells = [header] + lines
    widths = [max(len(line[i]) for line in cells) for i in range(len(header))]
    print(f"\n== {title}")
    for line in cells:
        words = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))]
        print("  ".join(words).rstrip())


def compared(results, header, names):
    """The header, with a column for each figure of the other binary, and their ratio."""
    return header + ([f"theirs {name}" for name in names] + ["theirs/ours"] if results.compares else [])


def others(results, row, keys, over):
    """The cells for that: figures of the other binary, "-" where it has none."""
    if not results.compares:
        return []
    same_fields = {key: row.get(key) for key in IDENTITY + ("bytes",) if key in row}
    for key in ("part", "binary", *keys):
        same_fields.pop(key, None)
    if row["part"] == "million":
        same_fields.pop("bytes", None)
    other = results.one(row["part"], THEIRS, **same_fields)
    times = other[over] / row[over] if other.get(over) and row.get(over) else None
    return [number(other.get(key)) for key in keys] + [number(times)]


def library(results):
    lines = []
    for row in results.of("libxkv"):
        if row["keys"] == 1000:
            continue  # beside group commit
        field, most, unit = LIBRARY.get(row["name"], ("value", None, ""))
        wanted = target(row.get(field), most=most)
        if wanted[0]:
            wanted[0] += f" {unit}"
        lines.append(
            [row["name"], row.get("limit") or "", number(row["value"], 1), row["unit"]]
            + [number(row[key], 1) if key in row else "" for key in ("low", "high")]
            + [number(row["ratio"]) if "ratio" in row else "", *wanted]
        )
    keys = max((row["keys"] for row in results.of("libxkv")), default=0)
    header = ["libxkv alone", "limit", "median", "", "25 %", "75 %", "x limit", "target", "met"]
    table(f"libxkv alone, {keys:,} keys; of two threads, time per call of both", header, lines, left=2)


def files(results):
    lines = [
        [row["name"], row.get("limit") or "", number(row["mb_s"]), number(row.get("ratio"))]
        + target(row["mb_s"], least=row["target"] or None)
        for row in results.of("files")
    ]
    header = ["files, the library alone", "limit", "MB/s", "of limit", "target", "met"]
    table(f"files of {max((row['rows'] for row in results.of('files')), default=0):,} rows", header, lines, left=2)


WAYS = {
    "ours": "importCSV",
    "shared": "SharedArray and papaparse",
    "experimental": "k6/experimental/csv and setMany",
    "theirs": "the other binary's importCSV",
}


def csv(results):
    ours = results.one("csv", name="ours").get("ms")
    rows = results.of("csv") + results.of("csv", THEIRS)
    lines = [[WAYS[row["name"]], number(row["ms"]), number(row["ms"] / ours)] for row in rows if ours]
    table("users from a CSV file at the start of a test", ["way", "ms", "x importCSV"], lines)


def aimed_at(results, keys, size):
    """The most that each call on each store may cost."""
    if size != 50 or keys < 20000:
        return {}
    if keys == 20000:
        with_metrics = {row["call"]: row["ratio"] for row in results.of("calls", keys=keys, bytes=size, store="memory")}
        return {
            call: {**CALLS.get(call, {}), "memory, metrics": round(METRICS * ratio, 2)}
            for call, ratio in with_metrics.items()
        }
    few = results.of("calls", keys=20000, bytes=50, store="memory")
    return {row["call"]: {"memory": round(MANY_KEYS * row["ratio"], 2)} for row in few if row["call"] in CALLS}


def calls(results):
    sizes = dict.fromkeys((row["keys"], row["bytes"]) for row in results.of("calls"))
    header = compared(
        results,
        ["call", "store", "us", "25 %", "75 %", "x await", "target", "met"],
        ["us", "x await"],
    )
    for keys, size in sizes:
        rows = results.of("calls", keys=keys, bytes=size)
        aimed = aimed_at(results, keys, size)
        order = list(dict.fromkeys(row["call"] for row in rows))
        lines = [
            [row["call"], row["store"]]
            + [number(row[key]) for key in ("us", "low", "high", "ratio")]
            + target(row["ratio"], most=aimed.get(row["call"], {}).get(row["store"]))
            + others(results, row, ("us", "ratio"), "us")
            for row in sorted(rows, key=lambda row: order.index(row["call"]))
        ]
        bare = number(statistics.median(row["bare"] for row in rows))
        table(
            f"one virtual user, {keys:,} keys, values of {size:,} bytes; bare await: {bare} us",
            header,
            lines,
            left=2,
        )


def throughput(results):
    header = ["call", "store", "calls/s", "x await", "median us", "p99 us", "calls/s of 1 VU", "times", "target", "met"]
    header = compared(results, header, ["calls/s"])
    for keys in dict.fromkeys(row["keys"] for row in results.of("vus")):
        lines = []
        rows = results.of("vus", keys=keys)
        vus = max(row["vus"] for row in rows)
        for row in (row for row in rows if row["vus"] == vus):
            alone = results.one("vus", keys=keys, call=row["call"], store=row["store"], vus=1).get("rate")
            times = row["rate"] / alone if alone and row.get("rate") else None
            is_aimed = (row["call"], row["store"], keys) == ("get", "memory", 20000)
            lines.append(
                [row["call"], row["store"]]
                + [number(row.get("rate")), number(row.get("ratio")), number(row.get("med")), number(row.get("p99"))]
                + [number(alone) if alone else "", number(times) if alone else ""]
                + target(times, least=SCALING if is_aimed else None)
                + others(results, row, ("rate",), "rate")
            )
        table(f"{vus} virtual users, {keys:,} keys, values of 50 bytes", header, lines, left=2)


def mix(results):
    header = ["call", "store", "median us", "p99 us", "p99/median", "target", "met"]
    tails = {
        (row["call"], row["store"], row["keys"]): row["p99"] / row["med"] for row in results.of("mix") if row.get("med")
    }
    header = compared(results, header, ["median us", "p99 us"])
    for keys in dict.fromkeys(row["keys"] for row in results.of("mix")):
        lines = []
        for row in results.of("mix", keys=keys):
            if not row.get("med"):
                continue
            tail = tails[row["call"], row["store"], keys]
            # Awaits that take as long, and as many processors' turns, without any store.
            bare = "100 bare awaits" if row["call"] == "list of 100" else "bare await"
            cells = target(tail, most=None if "bare" in row["call"] else TAIL)
            if cells[1] == "no" and tails.get((bare, row["store"], keys), 0) > TAIL:
                cells[1] = "no *"
            lines.append(
                [row["call"], row["store"], number(row["med"]), number(row["p99"]), number(tail)]
                + cells
                + others(results, row, ("med", "p99"), "med")
            )
        table(f"50 virtual users make all calls at once, {keys:,} keys", header, lines, left=2)
    if results.of("mix"):
        print("(wall time: waiting for a processor is in it; *: so it is for bare awaits that take as long)")


def turns(results):
    lines = [
        [number(row["vus"], 0)]
        + [number(row[key]) for key in ("med", "even", "max", "ratio")]
        + target(row["ratio"], most=TURNS)
        + others(results, row, ("max", "ratio"), "max")
        for row in results.of("turns")
    ]
    header = ["VUs", "median ms", "side by side ms", "longest ms", "x side by side", "target", "met"]
    header = compared(results, header, ["longest ms", "x side by side"])
    table("iterations that only call a memory store", header, lines, left=0)


def group_commit(results):
    for call in dict.fromkeys(row["call"] for row in results.of("commit")):
        lines = []
        for row in results.of("commit", call=call):
            if not row.get("rate"):
                continue
            lines.append(
                [number(row["vus"], 0), number(row["rate"]), number(1e6 / row["rate"]), number(row["ratio"])]
                + target(row["ratio"], least=COMMITS.get(call, {}).get(row["vus"]))
                + others(results, row, ("rate",), "rate")
            )
        header = compared(results, ["VUs", "calls/s", "us per call", "x one VU", "target", "met"], ["calls/s"])
        table(f"durable {call}", header, lines, left=0)
    raw = results.one("libxkv", name="raw mdb_put, one per commit", keys=1000)
    alone = results.one("commit", vus=1, call="set")
    if raw and alone.get("rate"):
        us = raw["value"] / 1000
        ratio = 1e6 / alone["rate"] / us
        cells = target(ratio, most=COMMIT_OVER_LMDB)
        print(f"one put in one LMDB transaction, in C: {us:.0f} us; one VU's set: {ratio:.2f} x, {cells[0]}: {cells[1]}")


def million(results):
    keys = next((row["keys"] for row in results.of("million")), 0)
    empty = results.one("million", name="peak empty").get("bytes", 0)
    lines = []

    def line(what, name, field, unit, scale=1.0, less=0.0, **aimed):
        cells = []
        for binary in (OURS, THEIRS) if results.compares else (OURS,):
            value = results.one("million", binary, name=name).get(field)
            cells.append(None if value is None else (value - less) / scale)
        if cells[0] is not None or any(cells):
            wanted = target(cells[0], **aimed) if keys == 1000000 else ["", ""]
            lines.append([what, unit, number(cells[0]), *wanted] + [number(cell) for cell in cells[1:]])

    line("memory: loading", "load memory", "us", "us/entry", most=LOAD_US)
    line("the same loop, nothing stored", "load nothing", "us", "us/entry")
    line("disk, none: loading", "load disk", "us", "us/entry")
    line("disk: opening with trackKeys", "open", "ms", "ms")
    line("k6's peak memory, empty script", "peak empty", "bytes", "MB", 1e6)
    line("k6's peak memory, memory store loaded", "peak memory", "bytes", "MB", 1e6, most=PEAK_MB)
    line("that, without the empty script's", "peak memory", "bytes", "bytes/entry", max(keys, 1), empty)
    line("k6's peak memory, disk store opened", "peak open", "bytes", "MB", 1e6)
    line("file", "file", "bytes", "MB", 1e6)
    line("loaded: 99.9 % of randomKey and get within", "respond", "p999", "us")
    line("loaded: the slowest", "respond", "worst", "us")
    line("loaded: a timer's worst delay", "respond", "late", "us")
    line("clear", "clear", "us", "us", most=CLEAR_US)
    header = ["", "", "ours", "target", "met"] + (["theirs"] if results.compares else [])
    table(f"a store of {keys:,} entries, keys of 13 bytes, values of 58", header, lines, left=2)


def codec(results):
    header = ["value", "parse us", "decode us", "ratio", "target", "met"]
    header += ["stringify us", "encode us", "ratio", "target", "met"]
    header = compared(results, header, ["decode us", "encode us"])
    lines = [
        [f"{row['size']}", number(row["parse"]), number(row["decode"]), number(row["decodeRatio"])]
        + target(row["decodeRatio"], most=DECODE if row["size"] == "10 KiB" else None)
        + [number(row["stringify"]), number(row["encode"]), number(row["encodeRatio"])]
        + target(row["encodeRatio"], most=ENCODE if row["size"] == "10 KiB" else None)
        + others(results, row, ("decode", "encode"), "decode")
        for row in results.of("codec")
    ]
    table("values, next to the runtime's JSON.parse and JSON.stringify", header, lines)


def redis(results):
    lines = []
    for row in results.of("redis", store="memory"):
        other = results.one("redis", store="redis", call=row["call"], vus=row["vus"])
        if not other.get("rate"):
            continue
        times = row["rate"] / other["rate"]
        is_aimed = row["vus"] > 1 and "bare" not in row["call"]
        lines.append(
            [row["call"], number(row["vus"], 0), number(row["rate"]), number(other["rate"]), number(times)]
            + target(times, least=REDIS if is_aimed else None)
        )
    header = ["call", "VUs", "memory/s", "Redis/s", "times", "target", "met"]
    table("the memory backend next to k6's Redis module, texts of 50 bytes", header, lines)


def beside(results, store, other, least, most):
    """Lines of two clients of a server: how often they call, and what it takes the server."""
    for row in results.of("servers", store=store):
        what = {key: row[key] for key in ("call", "vus", "keys")}
        of_other = results.one("servers", store=other, **what)
        if not (of_other.get("rate") and of_other.get("server_us")) or "bare" in row["call"]:
            continue
        times, taken = row["rate"] / of_other["rate"], row["server_us"] / of_other["server_us"]
        yield (
            [row["call"], number(row["vus"], 0)]
            + [number(row["rate"]), number(of_other["rate"]), number(times)]
            + target(times, least=least.get((row["call"], row["vus"])))
            + [number(row["server_us"]), number(of_other["server_us"]), number(taken)]
            + target(taken, most=most.get((row["call"], row["vus"])))
        )


def servers(results):
    header = ["/s", "times", "target", "met", "server us", "theirs", "ratio", "target", "met"]
    least = {(call, 50): times for call, times in LIBRARY_OVER_GO.items()}
    lines = list(beside(results, "library", "go-redis", least, {}))
    title = "the library on a server next to go-redis, which has a connection for each caller"
    table(title, ["call", "in flight", "library/s", "go-redis", *header[1:]], lines)
    lines = list(beside(results, "k6/x/kv", "k6/x/redis", K6_OVER_REDIS, SERVER_OVER_REDIS))
    table("k6: a store on a server next to k6's Redis module", ["call", "VUs", "store/s", "module/s", *header[1:]], lines)
    steps(results)


def steps(results):
    """What each call of the library takes the server, in plain GETs that are sent as many at once."""
    plain = results.one("servers", store="plain").get("server_us")
    lines = []
    for row in results.of("servers", store="library") if plain else []:
        if not row.get("server_us"):
            continue
        few = results.one("servers", store="library", call=row["call"], keys=20000).get("server_us")
        gets, times = row["server_us"] / plain, row["server_us"] / few if few and row["keys"] > 20000 else None
        aimed = SERVER_IN_GETS.get(row["call"])
        lines.append(
            [row["call"], f"{row['keys']:,}", number(row["rate"]), number(row["server_us"]), number(gets)]
            + target(gets, most=aimed)
            + [number(times) if times else ""]
            + target(times, most=SERVER_MANY_KEYS if aimed and row["keys"] == 1000000 else None)
        )
    header = ["call", "keys", "calls/s", "server us", "in GETs", "target", "met", "x 20,000", "target", "met"]
    table(f"the server's time for a call, 50 in flight; a plain GET, 50 at once: {number(plain)} us", header, lines)


def cluster(results):
    """How even the nodes' work is; and what they could do by their time, next to one node and partition."""
    lines = []
    for row in results.of("servers", store="cluster"):
        one = results.one("servers", store="library", call=row["call"], keys=row["keys"]).get("server_us")
        each = row["node_us"]
        share, times = max(each) / sum(each), one / max(each) if one else None
        lines.append(
            [row["call"], number(row["rate"]), " ".join(map(number, each)), number(share)]
            + target(share, most=CLUSTER_BUSIEST)
            + [number(times) if times else ""]
            + target(times, least=CLUSTER_OVER_ONE.get(row["call"]) if times else None)
        )
    header = ["call", "calls/s", "us of each node", "busiest", "target", "met", "could do, x one node", "target", "met"]
    table("three nodes, 64 partitions, 50 in flight", header, lines)


def failures(results):
    lines = [
        [row["binary"], row["call"], row["store"], (row.get("why") or "")[:90]] for row in results.rows if row["part"] == "failed"
    ]
    table("what failed", ["binary", "call", "store", "why"], lines, left=4)


def report(rows_path, results_path):
    with open(rows_path, encoding="utf-8") as file:
        rows = join([json.loads(line) for line in file])
    results = Results(rows)
    with open(results_path, "w", encoding="utf-8") as file:
        json.dump({"machine": results.machine, "rows": results.rows}, file, indent=1)
        file.write("\n")
    print("{k6}\n{cpus} x {cpu}, {system}, {date}".format_map(results.machine))
    for part in (library, calls, throughput, mix, turns, group_commit, million, codec, files, csv, redis, servers, cluster, failures):
        part(results)


# --- charts ---------------------------------------------------------------------


def chart_calls(results):
    yield "# call memory memory_target disk disk_target"
    for name, aimed in CALLS.items():
        if len(aimed) == 1:
            continue  # see chart_steps
        cells = []
        for store in ("memory", "disk"):
            # Durable sets have a chart of their own.
            store = "disk none" if (name, store) == ("set", "disk") else store
            row = results.one("calls", call=name, store=store, keys=20000, bytes=50)
            cells += [row.get("ratio", "NaN"), aimed.get(store, "NaN")]
        label = {"set": "set*"}.get(name, name).replace(", ", ",\\n").replace(" of", "\\nof")
        yield " ".join([f'"{label}"', *map(str, cells)])


def chart_steps(results):
    """Calls that write: on a durable disk store they all take a sync."""
    yield "# call memory memory_target"
    for name, aimed in CALLS.items():
        row = results.one("calls", call=name, store="memory", keys=20000, bytes=50)
        if len(aimed) == 1:
            label = name.replace(", ", ",\\n").replace(" of", "\\nof").replace(" +", ",\\n").replace("And", "\\nAnd")
            yield f'"{label}" {row.get("ratio", "NaN")} {aimed["memory"]}'


def chart_commit(results):
    yield "# vus sets target"
    alone = results.one("commit", vus=1, call="set").get("rate")
    for row in results.of("commit", call="set"):
        least = COMMITS["set"].get(row["vus"])
        yield f'"{row["vus"]}" {row["rate"]} {alone * least if alone and least else "NaN"}'


def chart_memory(results):
    yield "# what megabytes"
    for label, name in (
        ("k6,\\nempty script", "peak empty"),
        ("k6,\\nmemory store", "peak memory"),
        ("k6, disk store,\\nwith trackKeys", "peak open"),
        ("the file\\non disk", "file"),
    ):
        size = results.one("million", name=name).get("bytes")
        yield f'"{label}" {size / 1e6 if size else "NaN"}'


def charts(results_path, directory):
    with open(results_path, encoding="utf-8") as file:
        data = json.load(file)
    results = Results(data["rows"])
    for name, make in (("calls", chart_calls), ("steps", chart_steps), ("group-commit", chart_commit), ("memory", chart_memory)):
        with open(f"{directory}/{name}.dat", "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in make(results))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) == 3 and arguments[0] == "--charts":
        charts(*arguments[1:])
    elif len(arguments) == 2:
        report(*arguments)
    else:
        sys.exit(__doc__)
