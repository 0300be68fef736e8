#!/bin/sh
# Builds a kind node image with our kubelet. Needs docker, and Python 3.11 with a C compiler for the wheel.
#
#   build.sh [--base IMAGE] [--tag IMAGE] [DOCKER BUILD OPTION …]
#
# IMAGE of --base is the kind node image to begin with, best named with its digest as kind's release notes do.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$here/../..
base=kindest/node:v1.36.3
tag=podwright/kind-node:v1.36.3

while [ $# -gt 0 ]; do
    case $1 in
    --base) base=${2:?build.sh: --base needs an image} && shift 2 ;;
    --tag) tag=${2:?build.sh: --tag needs an image} && shift 2 ;;
    -h | --help) sed -n '3,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0" && exit ;;
    *) break ;;
    esac
done

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
"${PYTHON:-python3}" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$context" "$root"
cp "$here/Dockerfile" "$root/packaging/install.sh" "$context"
docker build --build-arg "BASE=$base" --tag "$tag" "$@" "$context"
echo "build.sh: $tag; use it with: kind create cluster --config $here/cluster.yaml"
