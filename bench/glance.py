#!/usr/bin/env python3
"""Draws docs/images/at-a-glance.svg, whose figures are those of the first table of calls in
docs/PERFORMANCE.md, so that the two cannot differ.

    bench/glance.py            writes the picture
    bench/glance.py --check    fails if the picture is not the one that would be drawn
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/PERFORMANCE.md"
PICTURE = ROOT / "docs/images/at-a-glance.svg"

WIDTH, LEFT, UNIT = 860, 250, 62  # pixels; UNIT is a bare await
LONGEST = 9  # bare awaits: what takes longer is in the table only
COLOURS = {"memory": ("#2f6fb0", "#9cc0e4"), "disk": ("#d98032", "#f0c294")}


def read_range(cell):
    numbers = [float(number) for number in re.findall(r"[\d.]+", cell)]
    return (numbers[0], numbers[-1]) if numbers else None


def read_rows():
    """(name, memory, disk) for each row, each of the two a range or None."""
    text = PAGE.read_text(encoding="utf-8")
    table = text[text.index("| call | memory | disk |") :].split("\n\n")[0]
    for line in table.splitlines()[2:]:
        name, memory, disk = [cell.strip() for cell in line.strip("|").split("|")]
        memory, disk = read_range(memory), read_range(disk)
        if max(memory[1], disk[1] if disk else 0) <= LONGEST:
            yield re.sub(r" \(.*\)|, both", "", name), memory, disk


def bar(span, top, colours):
    low, high = span
    x, w = LEFT + low * UNIT, (high - low) * UNIT
    yield f'<rect x="{LEFT}" y="{top}" width="{low * UNIT:.0f}" height="12" fill="{colours[0]}"/>'
    if high > low:
        yield f'<rect x="{x:.0f}" y="{top}" width="{w:.0f}" height="12" fill="{colours[1]}"/>'
    label = f"{low:g}" if high == low else f"{low:g} to {high:g}"
    yield f'<text x="{x + w + 8:.0f}" y="{top + 11}" font-size="12">{label}</text>'


def draw():
    top, bars = 66, []
    for name, memory, disk in read_rows():
        height = 30 if disk else 14
        bars.append(
            f'<text x="{LEFT - 12}" y="{top + height // 2 + 4}" text-anchor="end">{name}</text>'
        )
        bars += bar(memory, top, COLOURS["memory"])
        bars += bar(disk, top + 15, COLOURS["disk"]) if disk else []
        top += height + 12
    lines = [
        f'<path d="M{LEFT + n * UNIT},56 V{top}" stroke="#dddddd"/>'
        f'<text x="{LEFT + n * UNIT}" y="{top + 17}" text-anchor="middle" font-size="12">{n}</text>'
        for n in range(LONGEST + 1)
    ]
    return "\n".join([*head(top + 24), *lines, *bars, "</svg>", ""])


def head(height):
    blue, light_blue = COLOURS["memory"]
    orange, light_orange = COLOURS["disk"]

    def box(x, colour):
        return f'<rect x="{LEFT + x}" y="36" width="12" height="12" fill="{colour}"/>'

    def word(x, text):
        return f'<text x="{LEFT + x}" y="47" font-size="12">{text}</text>'

    yield '<?xml version="1.0" encoding="utf-8"?>'
    yield (
        f'<svg width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'xmlns="http://www.w3.org/2000/svg" font-size="13" fill="#222222" '
        "font-family=\"'DejaVu Sans', Verdana, Helvetica, Arial, sans-serif\">"
    )
    yield "<title>What a call costs, as a multiple of a bare await</title>"
    yield f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>'
    yield f'<text x="{LEFT}" y="26" font-weight="bold">one call, in bare awaits</text>'
    yield box(0, blue) + word(18, "memory")
    yield box(90, orange) + word(108, 'disk (set: durability "none")')
    yield box(300, light_blue) + box(314, light_orange)
    yield word(332, "up to this, on a busy machine")


def main():
    picture = draw()
    if sys.argv[1:] == ["--check"]:
        if PICTURE.read_text(encoding="utf-8") != picture:
            sys.exit("docs/images/at-a-glance.svg is not what docs/PERFORMANCE.md says: bench/glance.py")
        return
    PICTURE.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
