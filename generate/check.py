"""Fails when committed generated code differs from what the generators write now: `make generate-check`."""

import filecmp
import tempfile
from pathlib import Path

from generate import api_types, protocols

GENERATED = (*(name for protocol in protocols.PROTOCOLS for name in protocol.files), "kubelet/api/types.py")


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        for name in GENERATED:
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        protocols.generate(fresh)
        api_types.generate(fresh / "kubelet/api/types.py")
        stale = [name for name in GENERATED if not filecmp.cmp(name, fresh / name, shallow=False)]
    if stale:
        raise SystemExit(f"generated code is stale: {', '.join(stale)}; run `make generate` and commit the result")
    print(f"generated code is fresh: {len(GENERATED)} files")


if __name__ == "__main__":
    main()
