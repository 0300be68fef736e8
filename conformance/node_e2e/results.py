"""What is known of each spec on each side: kept outside the checkout, written as specs end, merged over runs."""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from conformance.throwaway import state_dir

MESSAGE_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Result:
    """One spec's last outcome. `state` is ginkgo's: passed, failed, skipped (by the spec itself), timedout, …"""

    name: str
    state: str
    file: str = ""
    seconds: float = 0.0
    message: str = ""
    at: float = 0.0  # seconds since the epoch

    @property
    def passed(self) -> bool:
        return self.state == "passed"


class Store:
    """The results of one side of a suite: `results.json` in its directory, and a directory of logs per run."""

    def __init__(self, side: str, suite: str = "node-e2e") -> None:
        self.directory = state_dir() / suite / side
        self.directory.mkdir(parents=True, exist_ok=True)
        self._file = self.directory / "results.json"

    def load(self) -> dict[str, Result]:
        try:
            saved = json.loads(self._file.read_text())
        except FileNotFoundError:
            return {}
        return {name: Result(**fields) for name, fields in saved.items()}

    def add(self, results: Iterable[Result]) -> None:
        """Newer outcomes replace older ones. One process writes at a time: a side has one node."""
        merged = {**self.load(), **{result.name: result for result in results}}
        temporary = self._file.with_suffix(".new")
        temporary.write_text(json.dumps({name: asdict(result) for name, result in sorted(merged.items())}, indent=1))
        temporary.replace(self._file)

    def new_run(self) -> Path:
        """A fresh directory for the logs of a run."""
        directory = self.directory / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        directory.mkdir(parents=True)
        return directory


def spec_name(spec: Mapping[str, Any]) -> str:
    return " ".join([*(spec.get("ContainerHierarchyTexts") or []), spec["LeafNodeText"]])


def spec_file(spec: Mapping[str, Any]) -> str:
    """The source file that the spec is written in, from `test/` on."""
    path: str = spec["LeafNodeLocation"]["FileName"]
    return path.rpartition("/test/")[2] if "/test/" in path else Path(path).name


def parse_report(text: str) -> list[Result]:
    """The specs of ginkgo's JSON report that ran; those that a filter left out do not count."""
    results = []
    for suite in json.loads(text):
        for spec in suite.get("SpecReports") or []:
            if spec["LeafNodeType"] != "It" or not _ran(spec):
                continue
            failure = spec.get("Failure") or {}
            where = failure.get("Location") or {}
            place = f"{Path(where['FileName']).name}:{where['LineNumber']}: " if where.get("FileName") else ""
            message = f"{place}{failure['Message']}"[:MESSAGE_LIMIT] if failure.get("Message") else ""
            seconds = round(spec["RunTime"] / 1e9, 1)
            results.append(Result(spec_name(spec), spec["State"], spec_file(spec), seconds, message, time.time()))
    return results


def _ran(spec: Mapping[str, Any]) -> bool:
    """A filter, an interrupt or a failed set-up keeps specs from running, or from running to their end."""
    if spec["State"] == "skipped":
        return bool(spec.get("Failure"))
    return spec["State"] not in ("", "pending", "interrupted", "aborted")
