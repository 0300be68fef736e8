"""Stand-ins for CNI plugins that are not Debian's, one file under several names; which one is by the name it is run by.

- `flannel` and `calico` hand over to other plugins as the real ones do: by CNI_PATH, with a configuration of their own.
- `record` writes down how it was called and does as its configuration says.

A script of its own, run by CNI: it imports nothing of ours. Sources: flannel-io/cni-plugin (README, flannel.go),
projectcalico/calico (cni-plugin's conflist template), read for what they do.
"""

import json
import os
import shutil
import subprocess
import sys
from ipaddress import ip_interface
from pathlib import Path

VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


def hand_over(kind, conf):
    program = shutil.which(kind, path=os.environ["CNI_PATH"])
    if program is None:
        refuse(f"failed to find plugin {kind!r} in path {os.environ['CNI_PATH']}")
    sys.exit(subprocess.run([program], input=json.dumps(conf), text=True, check=False).returncode)


def refuse(message):
    print(json.dumps({"cniVersion": "1.0.0", "code": 100, "msg": message}))
    sys.exit(1)


def flannel(verb, conf):
    """The delegate's configuration is made of subnet.env at ADD and kept for DEL, which is nothing without it."""
    kept = Path(conf["dataDir"], os.environ["CNI_CONTAINERID"])
    if verb == "DEL":
        if not kept.exists():
            return
        delegate = json.loads(kept.read_text())
        kept.unlink()
        hand_over(delegate["type"], delegate)
    if verb == "CHECK":
        delegate = json.loads(kept.read_text()) | {"prevResult": conf["prevResult"]}
        hand_over(delegate["type"], delegate)
    try:
        lines = Path(conf["subnetFile"]).read_text().split()
    except OSError as error:
        refuse(f"loadFlannelSubnetEnv failed: open {error.filename}: {error.strerror.lower()}")
    subnet = dict(line.split("=", 1) for line in lines)
    families = [key for key in ("FLANNEL_", "FLANNEL_IPV6_") if f"{key}SUBNET" in subnet]
    ipam = {
        "type": "host-local",
        "dataDir": conf["dataDir"] + "-ipam",
        "ranges": [[{"subnet": str(ip_interface(subnet[f"{key}SUBNET"]).network)}] for key in families],
        "routes": [{"dst": subnet[f"{key}NETWORK"]} for key in families],
    }
    delegate = {
        "type": "bridge", "isGateway": True, "ipMasq": subnet["FLANNEL_IPMASQ"] != "true",
        "mtu": int(subnet["FLANNEL_MTU"]), **conf.get("delegate", {}), "ipam": ipam,
        "name": conf["name"], "cniVersion": conf["cniVersion"],
    }  # fmt: skip
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(delegate))
    hand_over(delegate["type"], delegate)


def calico(verb, conf):
    """A routed veth, addresses from the IPAM plugin that the configuration names; its other keys are for itself."""
    write_down(verb, conf)
    kept = {key: conf[key] for key in ("name", "cniVersion", "mtu", "ipam", "prevResult") if key in conf}
    hand_over("ptp", kept | {"type": "ptp"})


def calico_ipam(verb, conf):
    write_down(verb, conf)
    ipam = {"type": "host-local", "ranges": [[{"subnet": "192.168.7.0/26"}]], "dataDir": os.environ["STAND_IN_IPAM"]}
    hand_over("host-local", conf | {"ipam": ipam})


def record(verb, conf):
    write_down(verb, conf)
    if message := conf.get("fail", {}).get(verb):
        refuse(message)
    if verb == "ADD":
        print(json.dumps(conf["result"] if "result" in conf else conf["prevResult"]))


def write_down(verb, conf):
    env = {key: value for key, value in os.environ.items() if key.startswith("CNI_")}
    with Path(os.environ["STAND_IN_RECORD"]).open("a") as file:
        file.write(json.dumps({"plugin": Path(sys.argv[0]).name, "verb": verb, "env": env, "conf": conf}) + "\n")


def main():
    verb = os.environ["CNI_COMMAND"]
    if verb == "VERSION":
        print(json.dumps({"cniVersion": "1.1.0", "supportedVersions": VERSIONS}))
        return
    plugins = {"flannel": flannel, "calico": calico, "calico-ipam": calico_ipam}
    plugins.get(Path(sys.argv[0]).name, record)(verb, json.load(sys.stdin))


if __name__ == "__main__":
    main()
