"""Compares the library's JSONL and CSV with Python's and Node.js's: see oracle.sh."""

import csv
import io
import json
import os
import random
import subprocess
import sys

CONVERT = sys.argv[1]
SEED = int(os.environ.get("XKV_SEED") or random.SystemRandom().randrange(1 << 32))
CSV_FILES = 300
RANDOM = random.Random(SEED)

PIECES = ["a", "bc", "Z", "0", "1", "-", ".5", "e3", "true", "null", " ", ",", ";", "\t", '"', '""',
          "\\", "\n", "\r", "\r\n", "\x01", "\x7f", "é", "€", "\U0001f600", "\ufeff",
          "longer than eight bytes"]


def text(most=6):
    return "".join(RANDOM.choice(PIECES) for _ in range(RANDOM.randrange(most)))


def convert(*arguments, data):
    done = subprocess.run([CONVERT, *arguments], input=data.encode(), capture_output=True)
    if done.returncode != 0:
        sys.exit(f"seed {SEED}: {arguments} of {data!r}: {done.stderr.decode()}")
    return done.stdout.decode()


def entries(output):
    return [json.loads(line) for line in output.split("\n")[:-1]]


def node(texts):
    lines = "".join(json.dumps(one) + "\n" for one in texts)
    script = os.path.join(os.path.dirname(__file__), "judge.js")
    done = subprocess.run(["node", script], input=lines.encode(), capture_output=True, check=True)
    return json.loads(done.stdout)


def same(what, got, expected, source):
    if got != expected:
        sys.exit(f"seed {SEED}: {what}: {source!r}\n  got      {got!r}\n  expected {expected!r}")


# -- CSV ------------------------------------------------------------------------


def names_of(count):
    return [f"c{i}" + text(3).replace(",", "").replace("\ufeff", "") for i in range(count)]


def python_csv(rows, delimiter):
    """Python quotes line ends other than its own only if it quotes all."""
    out = io.StringIO(newline="")
    ends = RANDOM.choice(["\n", "\r\n", "\r"])
    quoting = RANDOM.choice([csv.QUOTE_MINIMAL if ends == "\r\n" else csv.QUOTE_ALL, csv.QUOTE_ALL])
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=ends).writerows(rows)
    return out.getvalue()


def reads_csv():
    """What Python writes is read as Python reads it."""
    for _ in range(CSV_FILES):
        delimiter = RANDOM.choice([",", ";", "\t", " ", "|", "€"])
        names = names_of(RANDOM.randrange(2, 10))
        rows = [[text() for _ in names] for _ in range(RANDOM.randrange(20))]
        file = python_csv([names] + rows, delimiter)
        expected = list(csv.DictReader(io.StringIO(file, newline=""), delimiter=delimiter))
        same("Python reads what it wrote", expected, [dict(zip(names, row)) for row in rows], file)
        got = entries(convert("read", "csv", f"delimiter={delimiter}", data=file))
        same("reading CSV", got, [[f"{i:010}", row] for i, row in enumerate(expected, 1)], file)


def cell_of(value):
    """A member as it stands in a cell: numbers as they are written."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def writes_csv():
    """What is written Python reads."""
    for _ in range(CSV_FILES):
        delimiter = RANDOM.choice([",", ";", "\t", " ", "1", "€"])
        names = names_of(RANDOM.randrange(1, 10))
        values = [{name: RANDOM.choice([text(), text(), None, True, 15, -2.5, 1e300])
                   for name in names if RANDOM.random() < 0.9} for _ in range(RANDOM.randrange(20))]
        lines = "".join(json.dumps({"key": f"k{i}" + text(), "value": value},
                                   ensure_ascii=RANDOM.random() < 0.5) + "\n"
                        for i, value in enumerate(values))
        file = convert("write", "csv", f"delimiter={delimiter}", "columns=" + ",".join(names),
                       data=lines)
        got = list(csv.reader(io.StringIO(file, newline=""), delimiter=delimiter, strict=True))
        expected = [["key"] + names]
        for line in lines.split("\n")[:-1]:
            entry = json.loads(line)
            expected.append([entry["key"]] + [cell_of(entry["value"].get(name)) for name in names])
        same("writing CSV", got, expected, lines)


NUMBERS = ["0", "1", "9", "00", "-", "+", ".", "e", "E", "e+", "12", "308", "309", "999", "x", " "]


def types_cells():
    """A cell is a number where JavaScript reads one in JSON, it is not infinite, and no integer
    of more than 15 digits, of which JavaScript may lose some."""
    cells = ["".join(RANDOM.choice(NUMBERS) for _ in range(RANDOM.randrange(1, 6)))
             for _ in range(5000)] + ["9" * 300, "9" * 15, "-" + "9" * 16, "9" * 16, "0." + "9" * 20, "1" + "0" * 308,
                                  "9" * 310 + ".0", "9" * 300 + ".5", "true", "x"]
    file = "cell,x\n" + "".join(cell + ",\n" for cell in cells)
    got = convert("read", "csv", "types=1", data=file).split("\n")[:-1]
    same("rows", len(got), len(cells), file)
    for cell, line, judged in zip(cells, got, node(cells)):
        number = judged is not None and judged["number"] and cell == cell.strip()
        number = number and not (len(cell.lstrip("-")) > 15 and cell.lstrip("-").isdigit())
        raw = line[line.index(":") + 1:line.rindex(',"x":null')]
        same("types", raw, cell if number or cell == "true" else json.dumps(cell), cell)


# -- JSON -----------------------------------------------------------------------


def any_json(depth=0):
    kind = RANDOM.randrange(8 if depth < 4 else 6)
    if kind == 6:
        return [any_json(depth + 1) for _ in range(RANDOM.randrange(4))]
    if kind == 7:
        return {text(): any_json(depth + 1) for _ in range(RANDOM.randrange(4))}
    return [None, True, text(), RANDOM.randrange(-1000, 1000), RANDOM.random() * 1e9, text(20)][kind]


def dumped(value):
    separators = RANDOM.choice([(",", ":"), (", ", ": "), (" ,\t", " :\r")])
    return json.dumps(value, ensure_ascii=RANDOM.random() < 0.5, separators=separators)


def through_jsonl():
    """Entries that Python writes are read, and written so that Python and Node.js read the same."""
    all_of = [("k" + text(), any_json()) for _ in range(3000)]
    file = "".join(dumped({"key": key, "value": value}) + RANDOM.choice(["\n", "\r\n", "\n\n"])
                   for key, value in all_of)
    same("reading JSONL", entries(convert("read", "jsonl", data=file)), [list(one) for one in all_of], file)
    written = convert("write", "jsonl", data=file)
    lines = written.split("\n")[:-1]
    same("writing JSONL", [json.loads(line) for line in lines],
         [{"key": key, "value": value} for key, value in all_of], file)
    for line, judged in zip(lines, node(lines)):
        same("Node.js reads", judged and json.loads(judged["again"]), json.loads(line), line)


def texts_through_jsonl():
    all_of = [["k" + text(), text(20)] for _ in range(3000)]
    file = "".join(dumped({"value": value, "key": key}) + "\n" for key, value in all_of)
    got = entries(convert("read", "jsonl", "serialization=1", data=file))
    same("reading strings", got, all_of, file)
    written = convert("write", "jsonl", "serialization=1", data=file)
    same("writing strings", [list(json.loads(line).values()) for line in written.split("\n")[:-1]],
         all_of, file)


def damaged(line):
    for _ in range(RANDOM.randrange(3)):
        at = RANDOM.randrange(len(line) + 1)
        cut = RANDOM.randrange(3)
        line = line[:at] + RANDOM.choice(["", "0", "-", ".", "e", '"', "\\", "\\u12", "{", "}", "[",
                                          "]", ",", ":", " ", "\x00", "é", "\ufeff"]) + line[at + cut:]
    return line


def is_json_for_python(line):
    def refuse(word):
        raise ValueError(word)
    try:
        json.loads(line, parse_constant=refuse)
        return not line.startswith("\ufeff")
    except ValueError:
        return False


def judges_json():
    """What is JSON and what is not, all three say alike."""
    lines = [damaged(dumped(any_json())) for _ in range(20000)]
    got = convert("valid", data="".join(line + "\n" for line in lines)).split("\n")[:-1]
    same("lines", len(got), len(lines), "")
    for line, ours, judged in zip(lines, got, node(lines)):
        same("Python and Node.js", is_json_for_python(line), judged is not None, line)
        same("validity", ours == "1", judged is not None, line)
    print(f"{got.count('1')} of {len(got)} texts are JSON")


print(f"seed={SEED}")
for check in [reads_csv, writes_csv, types_cells, through_jsonl, texts_through_jsonl, judges_json]:
    check()
    print(f"ok {check.__name__}")
