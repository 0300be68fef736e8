#!/bin/sh
# Runs on a minikube node as root: replaces the kubelet that minikube copied there by ours, or puts it back.
#
#   replace-kubelet.sh [--undo]
#
# minikube keeps its programs in /var/lib/minikube/binaries/VERSION and copies them only where one is missing, so ours
# stays over `minikube stop` and `minikube start`. With Docker as the runtime nothing else changes: the kubelet
# goes on with cri-dockerd, whose pods our dockershim adopts where it takes its place (docs/kubeadm.md).
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
install=$here/install.sh
[ -e "$install" ] || install=$here/../../packaging/install.sh

# What the unit starts: the last ExecStart= counts.
kubelet=$(systemctl cat kubelet | sed -n 's/^ExecStart=\(\/[^ ]*\).*/\1/p' | tail -n 1)
[ -e "$kubelet" ] || { echo "replace-kubelet.sh: no kubelet is there yet: run minikube start" >&2 && exit 1; }

if [ "${1:-}" = --undo ]; then
    "$install" --uninstall --kubelet "$kubelet"
else
    python3 -c 'import ensurepip' 2>/dev/null \
        || { apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 python3-venv; }
    "$install" --kubelet "$kubelet"
fi
systemctl daemon-reload
systemctl restart kubelet
