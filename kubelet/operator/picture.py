"""A pod's start as a picture: one SVG file, no script, no font of its own, readable on light and dark pages.

Rows are spans from top to bottom in the order of their begin; colours name the stage, failed spans are red.
"""

from html import escape
from typing import Any

from kubelet.operator.render import bounds, one_line, seconds_text

_COLOURS = {
    "seen": "#7f8c8d", "admitted": "#7f8c8d", "volumes": "#8e6bbf", "pull": "#d4802a", "sandbox": "#2f7fc1",
    "network": "#1f9e9e", "create": "#5b9f3a", "start": "#3a7d2c", "ready": "#2e7d32", "status acknowledged": "#7f8c8d",
}
_FAILED = "#c0392b"
_LEFT, _PLOT, _ROW, _TOP, _RIGHT = 250, 620, 24, 64, 110


def timeline_svg(answer: dict[str, Any]) -> str:
    """`answer` is that of `/v1/timeline`."""
    spans, now = answer["spans"], answer["now"]
    begin, end = bounds(spans, now) if spans else (0.0, 1.0)
    scale = _PLOT / max(end - begin, 1e-6)
    height = _TOP + _ROW * max(1, len(spans)) + 40
    name = f"{answer['namespace']}/{answer['name']}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _PLOT + _RIGHT} {height}" '
        f'width="{_LEFT + _PLOT + _RIGHT}" height="{height}" font-family="sans-serif" font-size="13" role="img">',
        f"<title>Start of pod {escape(name)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="16" y="30" font-size="17" font-weight="bold" fill="#222222">{escape(name)}: '
        f"{seconds_text(end - begin)} from the first to the last stage</text>",
        *_axis(end - begin, scale, height),
    ]
    for row, span in enumerate(spans):
        parts += _bar(span, _TOP + row * _ROW, begin, scale, now)
    if not spans:
        parts.append(f'<text x="16" y="{_TOP + 16}" fill="#555555">nothing is known of its start</text>')
    return "\n".join([*parts, "</svg>", ""])


def _axis(length: float, scale: float, height: int) -> list[str]:
    """Four to ten lines at round times."""
    step = next(size for size in _steps() if length / size <= 8)
    parts, tick = [], 0.0
    while tick <= length * 1.0001:
        x = _LEFT + tick * scale
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{height - 30}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle" fill="#555555" font-size="11">'
                     f"{seconds_text(tick)}</text>")
        tick += step
    return parts


def _steps() -> list[float]:
    return [factor * 10.0**power for power in range(-6, 8) for factor in (1, 2, 5)]


def _bar(span: dict[str, Any], y: int, begin: float, scale: float, now: float) -> list[str]:
    finish = now if span["end"] is None else span["end"]
    x, width = _LEFT + (span["begin"] - begin) * scale, max(3.0, (finish - span["begin"]) * scale)
    colour = _FAILED if span["error"] else _COLOURS.get(span["stage"], "#555555")
    detail = one_line(span["detail"])
    label = f"{span['stage']} {detail}".strip()
    hover = f"{label}: +{seconds_text(span['begin'] - begin)}, {seconds_text(finish - span['begin'])} {span['error']}"
    took = seconds_text(finish - span["begin"]) if finish > span["begin"] else ""
    return [
        f"<g><title>{escape(one_line(hover))}</title>",
        f'<text x="{_LEFT - 10}" y="{y + 13}" text-anchor="end" fill="#222222">{escape(_cut(label, 36))}</text>',
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW - 8}" rx="2" fill="{colour}"/>',
        f'<text x="{x + width + 6:.1f}" y="{y + 13}" fill="#555555" font-size="11">{took}</text></g>',
    ]


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
