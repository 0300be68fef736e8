"""What to do about an error: by its reason, and more exactly by what its text says, where that tells.

The texts are those of runtimes, plugins and kernels, and the kubelet contract's own; they only ever choose words for
people. An error that no row knows gets its reason's general advice.
"""

import re
from collections.abc import Mapping

_IMAGE = "check the image's name and tag, the registry's address and the pull secrets"

BY_REASON: Mapping[str, str] = {
    "ErrImagePull": _IMAGE,
    "ImagePullBackOff": _IMAGE,
    "InvalidImageName": "correct spec.containers[].image: it is not a valid image reference",
    "ErrImageNeverPull": "load the image on this node, or change imagePullPolicy from Never",
    "ImageInspectError": "look at the runtime's log: it cannot read an image that it holds",
    "RegistryUnavailable": "check that this node reaches the registry (network, DNS, proxy, TLS)",
    "SignatureValidationFailed": "the image is not signed as the runtime's policy demands: sign it, or correct that",
    "CrashLoopBackOff": "read the last run's output with `kubectl logs --previous`, and its exit code above",
    "CreateContainerConfigError": "correct what the message names in the container's spec",
    "CreateContainerError": "the runtime refused the container: correct what its message names",
    "RunContainerError": "the runtime could not start the command: check command, args, mounts and the image's content",
    "PreStartHookError": "correct the container's hook",
    "PostStartHookError": "correct lifecycle.postStart: the container is killed while it fails",
    "FailedMount": "correct the volume that the message names; mounting is retried by itself",
    "FailedCreatePodSandBox": "look at the message of the runtime and its network plugin, and at the runtime's log",
    "FailedCreatePodContainer": "look at /sys/fs/cgroup, and whether kubelet and runtime have the same cgroupDriver",
    "Unhealthy": "check the probe (command, or address and port, and timeout) against what the container does",
    "NetworkNotReady": "install a CNI configuration in the runtime's CNI directory (usually by the network add-on)",
    "RuntimeNotReady": "start the container runtime, or correct its endpoint (`systemctl status` and its log say more)",
    "APIUnreachable": "restore this node's way to the API server; pods run on meanwhile, the cluster sees old statuses",
    "Rejected": "free what the message names or lower the pod's demands; a rejected pod is not retried here",
}

_BY_TEXT: tuple[tuple[str, str, str], ...] = (
    # Reasons (a regular expression), text (a regular expression, any case), advice.
    ("", r"no space left on device|disk quota exceeded",
     "free space or inodes on the file system of the path that the message names (`df -h` and `df -i`)"),
    ("", r"too many open files|inotify instances|cannot allocate memory",
     "raise the limit that the message names on this node, or find who uses it up"),
    ("FailedMount|CreateContainerConfigError", r"couldn't find key|non-existent.*key",
     "add the key that the message names to the ConfigMap or Secret, or mark the reference optional"),
    ("FailedMount|CreateContainerConfigError", r"(configmap|secret)s? .*not found|not registered",
     "create the ConfigMap or Secret that the message names, in the pod's namespace, or mark the reference optional"),
    ("FailedMount|CreateContainerConfigError", r"forbidden|unauthorized",
     "the API server refuses this node the object: check the pod's nodeName, its namespace and the node's credentials"),
    ("FailedMount|CreateContainer", r"hostpath type check failed",
     "make the host path what hostPath.type says (it is absent or of another type), or correct the type"),
    ("FailedMount", r"no volume plugin matched",
     "use a volume type that this agent mounts: emptyDir, hostPath, configMap, secret, projected, downwardAPI"),
    ("CreateContainer", r"subpath",
     "make the subPath in the volume first, or correct it: it does not exist there and cannot be made"),
    ("CreateContainerConfigError", r"run as root|runasnonroot|non-numeric user",
     "set securityContext.runAsUser to a number other than 0, use an image with such a user, or drop runAsNonRoot"),
    ("RunContainerError|CreateContainerError|CrashLoopBackOff", r"permission denied",
     "the command's file is not executable (or its mount is noexec): correct its mode in the image, or the command"),
    ("RunContainerError|CreateContainerError|CrashLoopBackOff", r"no such file or directory|executable file not found",
     "the image has no such command (or it lacks the command's interpreter): correct command, args or the image"),
    ("RunContainerError|CrashLoopBackOff", r"exec format error",
     "the command is for another CPU architecture, or a script without its #! line: use an image for this node"),
    ("RunContainerError|FailedCreatePodSandBox|CreateContainerError", r"already allocated|address already in use",
     "another process of this node has the host port: free it, or choose another hostPort"),
    ("ErrImagePull|ImagePullBackOff|RegistryUnavailable", r"connection refused|no such host|i/o timeout|unreachable|"
     r"timeout|tls:|x509",
     "this node cannot talk to the registry: check its address, DNS, proxy, firewall and certificate from this node"),
    ("ErrImagePull|ImagePullBackOff", r"unauthorized|denied|authentication|forbidden|no basic auth",
     "the registry wants other credentials: check imagePullSecrets and that the image may be read with them"),
    ("ErrImagePull|ImagePullBackOff", r"manifest unknown|not found|does not exist",
     "the registry has no such image or tag: correct spec.containers[].image, or push the image"),
    ("FailedCreatePodSandBox", r"runtimeclass",
     "create the RuntimeClass that spec.runtimeClassName names, or correct the name"),
    ("FailedCreatePodSandBox", r"runtime handler|unknown runtime|no runtime for|runtime name",
     "configure the RuntimeClass's handler in this node's runtime, or let the pod run where it is configured"),
    ("FailedCreatePodSandBox", r"sysctl", "correct spec.securityContext.sysctls: the kernel of this node refuses it"),
    ("FailedCreatePodSandBox", r"no (ip|more) addresses|no available ip|range .* full|exhausted",
     "the node's pod address range is used up: remove pods or leases that no pod has, or enlarge it"),
    ("FailedCreatePodSandBox", r"failed to find plugin|cni config|no networks found",
     "install the CNI plugin that the message names in the runtime's plugin directory, or correct the configuration"),
    ("FailedCreatePodSandBox", r"did not end within|deadline|timed? ?out",
     "the network plugin (or the runtime) hangs: look at the plugin's daemon and at the runtime's log"),
    ("FailedCreatePodSandBox", r"cni|network plugin|plugin .*failed|network for pod",
     "the CNI plugin refuses: look at its message, its configuration in /etc/cni/net.d and its daemon's log"),
    ("OutOf", "", "lower the pod's requests, move pods away, or give the pod to a larger node; it is not retried here"),
    ("UnexpectedAdmissionError", r"allocate failed due to",
     "see that the device plugin runs on this node and offers healthy devices (`kubectl describe node`), then make the "
     "pod anew; it is not retried here"),
    ("NodeAffinity|NodeSelector", "",
     "label this node as nodeSelector and affinity demand, or let the scheduler choose a node; not retried here"),
    ("NodePorts", "", "another pod of this node has the host port: free it, or choose another; not retried here"),
    ("SysctlForbidden", "",
     "allow the sysctl with allowedUnsafeSysctls in the kubelet's configuration, or drop it; not retried here"),
    ("AppArmor", "", "load the profile on a node with AppArmor, or drop it from the pod; not retried here"),
    ("Unhealthy", r"connection refused",
     "nothing listens where the probe asks: correct the probe's port, or see why the container does not listen"),
    ("Unhealthy", r"statuscode: \d+", "the container answers with an error: its log may say why; or correct the path"),
    ("Unhealthy", r"timed? ?out|deadline",
     "the container answers too slowly: raise the probe's timeoutSeconds, or the container's CPU limit"),
)  # fmt: skip

_COMPILED = tuple((re.compile(reasons), re.compile(text, re.IGNORECASE), words) for reasons, text, words in _BY_TEXT)


def advice(reason: str, error: str) -> str:
    """What to do about `error`, which was reported as `reason`; "" where nothing can be said."""
    for reasons, text, words in _COMPILED:
        if reasons.match(reason) and text.search(error):
            return words
    return BY_REASON.get(reason, "")


def crash_advice(exit_code: int, reason: str, last_line: str) -> str:
    """What to do about a container that ends again and again, by how it ended and by its last words."""
    if reason == "OOMKilled":
        return "raise the container's memory limit, or find what it keeps in memory"
    if re.search(r"read-only file system", last_line, re.IGNORECASE):
        return "it writes where it may only read: mount that path without readOnly, or give it an emptyDir to write to"
    if re.search(r"no space left on device", last_line, re.IGNORECASE):
        return "free space on the file system that it writes to, or raise the volume's sizeLimit"
    if re.search(r"permission denied|operation not permitted", last_line, re.IGNORECASE):
        return "it lacks a permission: check runAsUser, fsGroup, capabilities, and the owner of what it opens"
    if re.search(r"address already in use", last_line, re.IGNORECASE):
        return "its port is taken, on the node if the pod has hostNetwork: choose another, or free it"
    known = {
        0: "its command ends by itself: let it run on, or use a Job (restartPolicy OnFailure or Never)",
        126: "the command cannot be executed: correct its mode or its format",
        127: "the image has no such command: correct command or args",
        137: "it was killed (SIGKILL): by the kernel for memory, or by someone on the node",
        139: "the program crashed (SIGSEGV): look for a fault of the program or of its image",
        143: "it was asked to end (SIGTERM) by someone on the node",
    }
    return known.get(exit_code, BY_REASON["CrashLoopBackOff"])
