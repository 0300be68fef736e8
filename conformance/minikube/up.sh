#!/bin/sh
# A minikube cluster whose kubelet is ours. Needs minikube, and Python 3.11 with a C compiler for the wheel.
#
#   up.sh none      on this machine itself (as root, with Docker Engine, cri-dockerd and CNI plugins, as minikube asks)
#   up.sh docker    in a container of this machine's Docker Engine
#
# Further options go to `minikube start`.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
version=v1.36.3
driver=${1:-}
case $driver in
none | docker) shift ;;
*) sed -n '4,7s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac

minikube start --driver="$driver" --container-runtime=docker --kubernetes-version="$version" "$@"

if [ "$driver" = none ]; then
    "$here/replace-kubelet.sh"
else
    files=$(mktemp -d)
    trap 'rm -rf "$files"' EXIT
    "${PYTHON:-python3}" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$files" "$root"
    cp "$here/replace-kubelet.sh" "$root/packaging/install.sh" "$files"
    for file in "$files"/*; do
        minikube cp "$file" "/opt/podwright-install/$(basename "$file")"
    done
    minikube ssh -- sudo sh -c "'cd /opt/podwright-install && chmod +x *.sh && ./replace-kubelet.sh'"
fi
minikube kubectl -- get nodes -o wide
