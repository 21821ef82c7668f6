"""Drawing primitives: blocks that know their size, put together to columns and rows."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Sequence

CHARACTER: Final = 7.4
"""Pixels a character of the drawing's font takes at most on average; a wider font would let texts overlap."""
LINE: Final = 16
PAD: Final = 9
ARROW: Final = 20
GAP: Final = 22

STYLE: Final = """\
text { font: 12px "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1f2430; }
text.head { font-weight: bold; }
text.title { font: bold 20px "DejaVu Sans", Verdana, sans-serif; }
text.flow { font: bold 14px "DejaVu Sans", Verdana, sans-serif; }
text.small { font-size: 11px; fill: #5b6272; }
text.if { font-size: 11px; fill: #6b4e00; }
path.way { fill: none; stroke: #7a8194; stroke-width: 1.3; }
rect { stroke-width: 1.2; }
rect.panel { fill: #fafbfc; stroke: #d5d9e2; }
rect.say { fill: #ffffff; stroke: #9aa3b5; }
rect.ask { fill: #e3efff; stroke: #5a8fd8; }
rect.confirm { fill: #fff6d6; stroke: #d0a72c; }
rect.act { fill: #e2f6e6; stroke: #4fa869; }
rect.set { fill: #f0f1f4; stroke: #9aa3b5; }
rect.call { fill: #efe6fb; stroke: #8f69c9; }
rect.go { fill: #ffffff; stroke: #5a8fd8; stroke-dasharray: 5 3; }
rect.leave { fill: #fde5e3; stroke: #cf5f55; }
"""


@dataclass(frozen=True)
class Block:
    """Something drawn: it is entered at the middle of its top and left at the middle of its bottom."""

    width: float
    height: float
    parts: tuple[str, ...] = ()
    ends: bool = False
    """Whether nothing comes after it."""
    forks: bool = False
    """Whether it begins with a fork: the way into it has no arrow."""

    def at(self, x: float, y: float) -> str:
        """The drawing, moved."""
        return f'<g transform="translate({x:g},{y:g})">{"".join(self.parts)}</g>'


def text(x: float, y: float, words: str, kind: str = "", *, middle: bool = False) -> str:
    """A line of text whose base line is at y."""
    anchor = ' text-anchor="middle"' if middle else ""
    return f'<text x="{x:g}" y="{y:g}" class={quoteattr(kind)}{anchor}>{escape(words)}</text>'


def way(*points: tuple[float, float], arrow: bool = False) -> str:
    """A line through points."""
    path = " ".join(f"{'L' if index else 'M'}{x:g} {y:g}" for index, (x, y) in enumerate(points))
    return f'<path class="way" d="{path}"{" marker-end=" + quoteattr("url(#arrow)") if arrow else ""}/>'


def lines_of(words: str, columns: int, most: int) -> list[str]:
    """Words in lines of at most so many characters, at most so many lines."""
    found = textwrap.wrap(words, columns) or [""]
    return found if len(found) <= most else [*found[: most - 1], f"{found[most - 1][: columns - 2]} …"]


def width_of(lines: Sequence[str]) -> float:
    """Pixels that the longest of the lines takes."""
    return max((len(line) for line in lines), default=0) * CHARACTER


def card(kind: str, head: str, body: Sequence[str], *, link: str = "", ends: bool = False) -> Block:
    """A box with a bold first line and others below it."""
    width = max(120.0, width_of([head, *body]) + 2 * PAD)
    height = (1 + len(body)) * LINE + 2 * PAD - 4
    parts = [f'<rect class="{kind}" width="{width:g}" height="{height:g}" rx="6"/>']
    parts += [text(PAD, PAD + 10, head, "head")]
    parts += [text(PAD, PAD + 10 + LINE * row, line) for row, line in enumerate(body, 1)]
    drawn = "".join(parts)
    return Block(width, height, (f"<a href={quoteattr(link)}>{drawn}</a>" if link else drawn,), ends)


def column(blocks: Sequence[Block]) -> Block:
    """Blocks below each other, with arrows between them."""
    width = max((block.width for block in blocks), default=0.0)
    y, parts, open_end = 0.0, list[str](), False
    for block in blocks:
        if open_end:
            parts.append(way((width / 2, y), (width / 2, y + ARROW), arrow=not block.forks))
            y += ARROW
        parts.append(block.at((width - block.width) / 2, y))
        y += block.height
        open_end = not block.ends
    return Block(width, y, tuple(parts), bool(blocks) and blocks[-1].ends, bool(blocks) and blocks[0].forks)


def fork(ways: Sequence[tuple[str, Block]]) -> Block:
    """Ways side by side, each with the words that say when it is gone; those that go on are joined below."""
    heads = [lines_of(words, 30, 3) for words, _ in ways]
    widths = [max(block.width, width_of(head) + 8) for head, (_, block) in zip(heads, ways, strict=True)]
    total = sum(widths) + GAP * (len(ways) - 1)
    top = ARROW / 2
    below = top + ARROW / 2 + max(len(head) for head in heads) * LINE + 8
    depth = max(block.height for _, block in ways)
    height = below + depth + ARROW
    parts, joined, x = [way((total / 2, 0), (total / 2, top))], list[float](), 0.0
    centres = []
    for head, width, (_, block) in zip(heads, widths, ways, strict=True):
        centre = x + width / 2
        centres.append(centre)
        parts += [
            text(centre, top + ARROW / 2 + 8 + LINE * row, line, "if", middle=True) for row, line in enumerate(head)
        ]
        if block.height:
            parts.append(block.at(centre - block.width / 2, below))
        if not block.ends:
            parts.append(
                way((centre, below + block.height - (0 if block.height else 6)), (centre, below + depth + ARROW / 2))
            )
            joined.append(centre)
        x += width + GAP
    parts += [way((centre, top), (centre, top + 6)) for centre in centres]
    parts.append(way((min(centres), top), (max(centres), top)))
    if joined:
        ends = [*joined, total / 2]
        parts.append(way((min(ends), height - ARROW / 2), (max(ends), height - ARROW / 2)))
        parts.append(way((total / 2, height - ARROW / 2), (total / 2, height)))
    return Block(total, height, tuple(parts), not joined, forks=True)


def document(title: str, description: str, blocks: Sequence[Block], most_width: float = 1600) -> str:
    """A whole drawing: blocks in rows below a title."""
    margin, x, y, row = 24.0, 24.0, 70.0, 0.0
    parts, right = [], margin + width_of([title]) * 1.8
    for block in blocks:
        if x > margin and x + block.width > most_width:
            x, y, row = margin, y + row + GAP, 0.0
        parts.append(block.at(x, y))
        right, row = max(right, x + block.width), max(row, block.height)
        x += block.width + GAP
    width, height = right + margin, y + row + margin
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img">\n<title>{escape(title)}</title>\n'
        f"<desc>{escape(description)}</desc>\n<style>\n{STYLE}</style>\n"
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#7a8194"/></marker></defs>\n'
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>\n'
        + text(margin, 36, title, "title")
        + text(margin, 56, description, "small")
        + "\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )
