"""`python -m conformance.kubeadm up|shell|down`: the cluster of this recipe, left running."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

from conformance import builds
from conformance.cluster import write_kubectl_wrapper
from conformance.kubeadm.cluster import KubeadmCluster
from conformance.kubeadm.machine import PACKAGED_UNITS
from conformance.throwaway import NodeError, ThrowawayNode

NAME = "kubeadm"
MACHINES = (f"{NAME}-1", f"{NAME}-2")


async def up() -> None:
    """Both machines, joined, with a pod network; says how to use them. What fails leaves nothing running."""
    started = time.monotonic()
    cluster = KubeadmCluster(NAME, detached=True)
    await cluster.__aenter__()
    try:
        await _make(cluster)
    except BaseException as error:
        await cluster.__aexit__(type(error), error, error.__traceback__)
        raise
    scratch = cluster.first.node.scratch
    print(f"The cluster is up after {time.monotonic() - started:.0f} s. Its state and logs: {scratch}")
    print(f"\n  {write_kubectl_wrapper(cluster.kubeconfig, scratch)} get pods -A -o wide")
    print(f"  {sys.executable} -m conformance.kubeadm shell {MACHINES[1]}     # a shell on a machine")
    print(f"\n`{sys.executable} -m conformance.kubeadm down` removes every trace of it.")


async def _make(cluster: KubeadmCluster) -> None:
    first = await cluster.add_machine()
    print((await cluster.init()).stdout, flush=True)
    second = await cluster.add_machine(kubelet_unit=PACKAGED_UNITS / "kubelet.service")
    await cluster.install_network(first)
    print((await cluster.join(second)).stdout, flush=True)
    await cluster.install_network(second)


async def down() -> None:
    """End both machines, or remove what crashed ones left."""
    for name in MACHINES:
        try:
            node = ThrowawayNode.attach(name)
        except NodeError:
            node = ThrowawayNode(name)
        await node.stop()


async def shell(name: str, command: Sequence[str]) -> int:
    return await ThrowawayNode.attach(name).run_interactive(command or ["bash"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m conformance.kubeadm", description="A cluster made by kubeadm.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="make it and leave it running")
    verbs.add_parser("down", help="end it and remove every trace")
    shell_parser = verbs.add_parser("shell", help="run a command, by default a shell, on a machine")
    shell_parser.add_argument("machine", choices=MACHINES)
    shell_parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    try:
        if options.verb == "shell":
            return asyncio.run(shell(options.machine, options.command))
        asyncio.run(up() if options.verb == "up" else down())
    except (NodeError, builds.BuildError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
