"""A process that works on pod networks until it is done or killed: what a dockershim is to CNI.

    python network_worker.py '{"verb": "ADD", "conf_dir": …, "bin_dirs": […], "cache_dir": …, "pods": [{…}, …]}'
"""

import asyncio
import json
import sys
from pathlib import Path

from dockershim.network import CNINetwork, NetworkError, PodNetwork, PortMapping


async def work(order: dict) -> int:
    network = CNINetwork(Path(order["conf_dir"]), [Path(one) for one in order["bin_dirs"]], Path(order["cache_dir"]))
    await network.start()
    act = network.set_up if order["verb"] == "ADD" else network.tear_down
    pods = [
        PodNetwork(one["id"], "web", "default", "uid", one["netns"], (PortMapping("tcp", 80, one["port"]),))
        for one in order["pods"]
    ]
    done = await asyncio.gather(*map(act, pods), return_exceptions=True)
    for failure in filter(lambda one: isinstance(one, NetworkError), done):
        print(failure, file=sys.stderr)
    return sum(isinstance(one, BaseException) for one in done)


if __name__ == "__main__":
    sys.exit(asyncio.run(work(json.loads(sys.argv[1]))))
