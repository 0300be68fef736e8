"""The agent's answers as text for people: pure functions from JSON values to lines. Standard library only."""

from collections.abc import Iterable, Sequence
from typing import Any

Json = dict[str, Any]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], width: int | None = None) -> str:
    """Left-aligned columns, three spaces apart; the last column is cut to `width` with an ellipsis."""
    lines = [list(headings), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    texts = []
    for line in lines:
        cells = [cell.ljust(size) for cell, size in zip(line[:-1], widths, strict=False)]
        text = "   ".join([*cells, line[-1]]).rstrip()
        texts.append(text if width is None or len(text) <= width else text[: max(1, width - 1)] + "…")
    return "\n".join(texts)


def age(seconds: float | None) -> str:
    """As kubectl writes ages: 45s, 3m10s, 5h2m, 4d3h; "-" for unknown."""
    if seconds is None:
        return "-"
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole}s"
    if whole < 7200:
        minutes, rest = divmod(whole, 60)
        return f"{minutes}m{rest}s" if rest and minutes < 10 else f"{minutes}m"
    if whole < 172800:
        hours, rest = divmod(whole // 60, 60)
        return f"{hours}h{rest}m" if rest and hours < 8 else f"{hours}h"
    days, rest = divmod(whole // 3600, 24)
    return f"{days}d{rest}h" if rest and days < 8 else f"{days}d"


def _since(now: float, moment: float | None) -> float | None:
    return None if moment is None else now - moment


def one_line(text: str) -> str:
    """`text` without line breaks and control characters: a container's words may not paint the terminal."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def pods_table(answer: Json, width: int | None = None) -> str:
    """The table of `podwright pods`: one line per pod, what it waits for at the end."""
    pods = answer["pods"]
    if not pods:
        return "no pods on this node"
    rows = [_pod_row(pod, answer["now"]) for pod in pods]
    headings = ("NAMESPACE", "NAME", "PHASE", "READY", "RESTARTS", "IP", "AGE", "WAITS FOR")
    return table(headings, rows, width)


def _pod_row(pod: Json, now: float) -> tuple[str, ...]:
    waits = one_line(pod["waitsFor"])
    if waits and pod["since"] is not None:
        waits += f" (since {age(_since(now, pod['since']))})"
    return (
        pod["namespace"], pod["name"], pod["phase"], f"{pod['ready']}/{pod['containers']}", str(pod["restarts"]),
        pod["ip"] or "-", age(_since(now, pod["createdAt"])), waits or "-",
    )


def status_text(answer: Json) -> str:
    """The page of `podwright status`."""
    node, now = answer["node"], answer["now"]
    phases = ", ".join(f"{count} {phase}" for phase, count in sorted(answer["podsByPhase"].items())) or "none"
    health = node["health"]
    facts = [
        ("Node", node["node_name"]),
        ("Agent", f"{node['version']}, pid {node['pid']}, up {age(now - node['started_at'])}, {node['mode']}"),
        ("Runtime", f"{node['runtime'] or 'unknown'} at {node['runtime_endpoint']}"),
        ("Root directory", node["root_dir"]),
        ("Pods", f"{answer['pods']} ({phases})"),
    ]
    lines = [f"{name + ':':<16}{value}" for name, value in facts]
    errors = (("runtime", "the container runtime"), ("network", "the network"), ("api", "the API server"))
    for key, name in errors:
        if health[f"{key}_error"]:
            since = age(_since(now, health[f"{key}_since"]))
            lines.append(f"{'Problem:':<16}{name}, since {since}: {one_line(health[f'{key}_error'])}")
    for name, error in sorted(node["checks"].items()):
        if error:
            lines.append(f"{'Check failed:':<16}{name}: {one_line(error)}")
    lines += [f"{'Manifest:':<16}{item['where']}: {one_line(item['problem'])}" for item in answer["manifestProblems"]]
    if node["conditions"]:
        rows = [(kind, value, one_line(message)) for kind, value, message in node["conditions"]]
        lines += ["", table(("CONDITION", "STATUS", "MESSAGE"), rows)]
    if answer["waiting"]:
        lines += ["", "Pods that wait:", pods_table({"pods": answer["waiting"], "now": now})]
    return "\n".join(lines)


def explain_text(answer: Json) -> str:
    """The page of `podwright explain POD`: the answer first, then everything else that is wrong, then events."""
    now = answer["now"]
    state = f"{answer['phase']}, {'ready' if answer['ready'] else 'not ready'}" if answer["uid"] else answer["phase"]
    name = f"{answer['namespace']}/{answer['name']}" if answer["namespace"] else answer["name"]
    lines = [f"{name} ({state})", "", one_line(answer["summary"])]
    for number, finding in enumerate(answer["findings"], 1):
        lines += ["", *_finding_lines(finding, now, number if len(answer["findings"]) > 1 else 0)]
    if answer["events"]:
        rows = [
            (age(now - event["last_seen"]), event["kind"], event["reason"],
             one_line(event["message"]) + (f" (x{event['count']})" if event["count"] > 1 else ""))
            for event in answer["events"]
        ]
        lines += ["", table(("LAST SEEN", "TYPE", "REASON", "MESSAGE"), rows)]
    return "\n".join(lines)


def _finding_lines(finding: Json, now: float, number: int) -> list[str]:
    retry = finding["next_retry_at"]
    whom = f"{finding['subject']}: " if finding["subject"] else ""
    facts = [
        ("Waits for", f"{whom}{finding['waits_for']}") if finding["waits_for"] else ("Container", finding["subject"]),
        ("Reason", finding["reason"]),
        ("Since", "" if finding["since"] is None else f"{age(now - finding['since'])} ago"),
        ("Last error", finding["last_error"]),
        ("Next retry", "" if retry is None else ("now" if retry <= now else f"in {age(retry - now)}")),
        ("What to do", finding["advice"]),
    ]
    begin = [f"{number}."] if number else []
    return [*begin, *(f"{name + ':':<14}{one_line(value)}" for name, value in facts if value)]


def collection_text(answer: Json) -> str:
    """The page of `podwright gc plan`."""
    items = answer["items"]
    going = [item for item in items if item["remove"]]
    freed = sum(item["size"] for item in going)
    lines = [f"{len(going)} of {len(items)} things would be removed"]
    if freed:
        lines[0] += f", {size_text(freed)} of images"
    if answer["disk_capacity"] is not None:
        high, low = answer["high_percent"], answer["low_percent"]
        rule = "images go by age only" if high >= 100 else f"images go from {high}% on, down to {low}%"
        lines.append(
            f"Image file system: {answer['disk_used_percent']}% of {size_text(answer['disk_capacity'])} used; {rule}"
            + (f"; {size_text(answer['wanted_bytes'])} are to be freed" if answer["wanted_bytes"] else "")
        )
    lines += [f"Not looked at: {one_line(problem)}" for problem in answer["problems"]]
    if items:
        rows = [
            ("remove" if item["remove"] else "keep", item["kind"], one_line(_collected_name(item)),
             size_text(item["size"]) if item["size"] else "-", one_line(item["reason"]))
            for item in items
        ]
        lines += ["", table(("WOULD", "WHAT", "NAME", "SIZE", "BECAUSE"), rows)]
    return "\n".join(lines)


def _collected_name(item: Json) -> str:
    """A name that people know with enough of the id to find it; paths are names already."""
    name, subject = str(item["name"]), str(item["subject"])
    if subject.startswith("/") or not name:
        return subject
    return name if name == subject else f"{name} ({subject.removeprefix('sha256:')[:12]})"


def size_text(size: int) -> str:
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def timeline_text(answer: Json) -> str:
    """The table of `podwright timeline POD`: offsets from the first moment, lengths, and a bar for each span."""
    spans = answer["spans"]
    name = f"{answer['namespace']}/{answer['name']}"
    if not spans:
        return f"{name}: nothing is known of its start"
    begin, end = bounds(spans, answer["now"])
    rows = [_span_row(span, begin, end, answer["now"]) for span in spans]
    heading = f"{name}: {seconds_text(end - begin)}" + ("" if answer["complete"] else ", still going on")
    if answer["adopted"]:
        heading += " (it ran before this agent did: rebuilt from the runtime's stamps)"
    return f"{heading}\n\n{table(('STAGE', 'FOR', 'BEGAN', 'TOOK', 'WHEN'), rows)}"


def bounds(spans: Sequence[Json], now: float) -> tuple[float, float]:
    """First and last moment of `spans`; one that still lasts reaches to `now`."""
    begin = min(span["begin"] for span in spans)
    return begin, max(max(span["begin"], now if span["end"] is None else span["end"]) for span in spans)


_BAR = 40


def _span_row(span: Json, begin: float, end: float, now: float) -> tuple[str, ...]:
    finish = now if span["end"] is None else span["end"]
    scale = _BAR / (end - begin) if end > begin else 0.0
    left = min(_BAR - 1, round((span["begin"] - begin) * scale))
    length = max(1, min(_BAR - left, round((finish - span["begin"]) * scale)))
    took = finish - span["begin"]
    shown = seconds_text(took) if took or span["end"] is None else ""
    letter = "!" if span["error"] else "█" if took else "│"
    tail = f"  {one_line(span['error'])}" if span["error"] else "" if span["end"] is not None else "  …"
    return (span["stage"], one_line(span["detail"]) or "-", f"+{seconds_text(span['begin'] - begin)}", shown,
            " " * left + letter * length + tail)


def seconds_text(seconds: float) -> str:
    """Short durations with three digits that mean something: 7 ms, 812 ms, 1.24 s, 93 s."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 60 else f"{seconds:.0f} s"
