#!/usr/bin/env python3
"""draw.py TEXT: writes the SVG of a picture that is described in a text file (docs/house.txt says how) to standard output."""
import html
import sys

STYLE = (
    "text{font:13px sans-serif;fill:#222}.title{font-weight:bold;font-size:14px}"
    ".part{fill:#f4f6f8;stroke:#456}.socket{fill:#fff;stroke:#456;stroke-dasharray:4 3}"
    ".arrow{stroke:#222;stroke-width:1.5;marker-end:url(#tip)}"
    ".hostile{stroke:#c22;stroke-width:2.5;marker-end:url(#hostile-tip)}.hostile-label{fill:#c22}"
)


def tip(name, color):
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"'
        f' markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" fill="{color}"/></marker>'
    )


def text(x, y, content, kind=""):
    attribute = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{attribute}>{html.escape(content)}</text>'


def part(numbers, words):
    x, y, width, height = numbers
    lines = [f'<rect class="part" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>']
    lines.append(text(x + 12, y + 22, words[0], "title"))
    return lines + [text(x + 12, y + 44 + 19 * i, line) for i, line in enumerate(words[1:])]


def socket(numbers, words):
    x, y, width = numbers
    return [
        f'<rect class="socket" x="{x}" y="{y}" width="{width}" height="24" rx="12"/>',
        text(x + 12, y + 17, words[0]),
        f"<title>{html.escape(words[1])}</title>",
    ]


def line(kind):
    def draw(numbers, words):
        x1, y1, x2, y2 = numbers
        lines = [f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>']
        label = words[0] if words else ""
        if label and y1 == y2:
            lines.append(text(min(x1, x2) + 22, y1 - 7, label, f"{kind}-label"))
        elif label:
            lines.append(text(x1 + 8, (y1 + y2) // 2 + 5, label, f"{kind}-label"))
        return lines

    return draw


KINDS = {
    "part": (4, part),
    "socket": (3, socket),
    "arrow": (4, line("arrow")),
    "hostile": (4, line("hostile")),
    "note": (2, lambda numbers, words: [text(*numbers, words[0])]),
}


def draw(source):
    canvas, body = None, []
    for number, row in enumerate(source, 1):
        row = row.split("#")[0].strip()
        if not row:
            continue
        head, *words = [word.strip() for word in row.split("|")]
        kind, *numbers = head.split()
        numbers = [int(word) for word in numbers]
        if kind == "canvas":
            canvas = numbers
            continue
        if kind not in KINDS or len(numbers) != KINDS[kind][0]:
            raise SystemExit(f"line {number}: not a line of a picture: {row}")
        body += KINDS[kind][1](numbers, words)
    if canvas is None or len(canvas) != 2:
        raise SystemExit("there is no line: canvas WIDTH HEIGHT")
    width, height = canvas
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
            f"<style>{STYLE}</style>",
            f'<defs>{tip("tip", "#222")}{tip("hostile-tip", "#c22")}</defs>',
            '<rect width="100%" height="100%" fill="#fff"/>',
            *body,
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.stdout.write(draw(file))
