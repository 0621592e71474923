"""The picture: a dot chart as SVG. One line for each scenario, one dot for each broker, a mark for the target.

The scale is logarithmic, so equal distances are equal factors. Colours follow the reader's light or dark setting, and
each broker has a shape of its own beside its colour; the numbers stand at the right.
"""

import dataclasses
import math
from xml.sax.saxutils import escape

LEFT, PLOT, COLUMN, RIGHT = 330, 470, 92, 16  # widths: names, dots, one column of numbers, margin
TOP, STEP, BOTTOM = 108, 30, 52
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
COLOURS = (("#1d4ed8", "#7aa7ff"), ("#c2410c", "#ff9a5c"), ("#15803d", "#5fd38a"), ("#7e22ce", "#cf9bff"))

STYLE = """\
text { font: 13px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.quiet { fill: #59636e; }
.strong { font-weight: 600; }
.paper { fill: #ffffff; }
.grid { stroke: #d1d9e0; }
.one { stroke: #59636e; stroke-dasharray: 4 3; }
.span { stroke: #d1d9e0; stroke-width: 2; }
.target { stroke: #1f2328; stroke-width: 3; }
"""
STYLE_DARK = """\
text { fill: #f0f6fc; }
.quiet { fill: #9198a1; }
.paper { fill: #0d1117; }
.grid, .span { stroke: #3d444d; }
.one { stroke: #9198a1; }
.target { stroke: #f0f6fc; }
"""


@dataclasses.dataclass
class Line:
    what: str
    target: float
    values: dict  # broker's name: how many times the relay's CPU, or None


class Scale:
    def __init__(self, values):
        self.low = max(tick for tick in TICKS if tick <= max(min(values), TICKS[0]))
        self.high = min((tick for tick in TICKS if tick >= max(values)), default=max(values))
        if self.high <= self.low:
            self.high = self.low * 10

    def x(self, value):
        part = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return LEFT + PLOT * part

    def ticks(self):
        return [tick for tick in TICKS if self.low <= tick <= self.high]


def text(x, y, words, cls="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{cls}" text-anchor="{anchor}">{escape(words)}</text>'


def stroke(x1, y1, x2, y2, cls):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{cls}"/>'


def dot(index, x, y):
    """Circle, square, diamond, triangle."""
    shapes = (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6.5"',
              f'<rect x="{x - 5.5:.1f}" y="{y - 5.5:.1f}" width="11" height="11"',
              f'<path d="M{x:.1f} {y - 7.5:.1f}l7.5 7.5l-7.5 7.5l-7.5 -7.5z"',
              f'<path d="M{x:.1f} {y - 7:.1f}l7.5 13h-15z"')
    return f'{shapes[index % len(shapes)]} class="dot{index % len(COLOURS)}"/>'


def style():
    """Each of COLOURS is a pair: on a light ground, on a dark one."""
    light = "".join(f".dot{i} {{ fill: {colours[0]}; }}\n" for i, colours in enumerate(COLOURS))
    dark = "".join(f".dot{i} {{ fill: {colours[1]}; }}\n" for i, colours in enumerate(COLOURS))
    return f"<style>\n{STYLE}{light}@media (prefers-color-scheme: dark) {{\n{STYLE_DARK}{dark}}}\n</style>"


def legend(names):
    x, y = LEFT, 64
    for index, name in enumerate(names):
        yield dot(index, x + 7, y)
        yield text(x + 20, y + 4.5, name)
        x += 42 + 8 * len(name)
    yield stroke(x + 4, y - 9, x + 4, y + 9, "target")
    yield text(x + 14, y + 4.5, "busbard's target: at most this")


def axis(scale, bottom):
    for tick in scale.ticks():
        x = scale.x(tick)
        yield stroke(x, TOP - 14, x, bottom, "one" if tick == 1 else "grid")
        yield text(x, bottom + 18, f"{tick:g}" + (" = relay" if tick == 1 else ""), "quiet", "middle")
    yield text(LEFT + PLOT / 2, bottom + 40, "times the CPU of the bare relay for one delivered message (logarithmic; "
               "less is better)", "quiet", "middle")


def plotted(line, scale, y, names):
    known = [(index, line.values[name]) for index, name in enumerate(names) if line.values.get(name)]
    if known:
        ends = [scale.x(value) for _, value in known]
        yield stroke(min(ends), y, max(ends), y, "span")
    yield stroke(scale.x(line.target), y - 11, scale.x(line.target), y + 11, "target")
    for index, value in reversed(known):  # busbard's, the first, lies on top
        yield dot(index, scale.x(value), y)


def numbers(line, y, names):
    for index, name in enumerate(names):
        value = line.values.get(name)
        shown = "–" if not value else f"{value:.2f}" if value < 10 else f"{value:.0f}"
        yield text(LEFT + PLOT + COLUMN * (index + 1) - 8, y + 4.5, shown, "" if index else "strong", "end")


def draw(lines, names):
    values = [value for line in lines for value in (line.target, *line.values.values()) if value]
    scale = Scale(values)
    width, bottom = LEFT + PLOT + COLUMN * len(names) + RIGHT, TOP + STEP * len(lines) - 6
    height = bottom + BOTTOM
    title = "CPU time of one delivered message, as a multiple of the bare relay's"
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
             f'height="{height}" role="img" aria-label="{title}">', style(),
             f'<rect class="paper" width="{width}" height="{height}"/>', text(LEFT, 32, title, "title"),
             *legend(names), *axis(scale, bottom)]
    for index, name in enumerate(names):
        parts.append(text(LEFT + PLOT + COLUMN * (index + 1) - 8, TOP - 20, name, "quiet", "end"))
    for index, line in enumerate(lines):
        y = TOP + STEP * index + 8
        parts += [text(LEFT - 18, y + 4.5, line.what, "", "end"), *plotted(line, scale, y, names),
                  *numbers(line, y, names)]
    return "\n".join([*parts, "</svg>"]) + "\n"
