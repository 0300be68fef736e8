#!/bin/sh
# Puts Podwright in the place of a node's kubelet, or takes it away again. Run as root, in a clone or beside a wheel.
#
#   install.sh [--kubelet PATH] [--units]       install; PATH is the kubelet to replace, /usr/bin/kubelet by default
#   install.sh --uninstall [--kubelet PATH]     the way back
#
# Everything goes to /opt/podwright; /usr/bin gets links to its programs, and the kubelet that was there stays beside
# its successor as `kubelet.upstream`. With --units, systemd gets units for the kubelet and the dockershim where it has
# none, with kubeadm's drop-in. Nothing is started or restarted. A second run installs anew. pip's own settings
# (PIP_INDEX_URL, PIP_NO_INDEX, PIP_FIND_LINKS …) say where dependencies come from.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
target=/opt/podwright
kubelet=/usr/bin/kubelet
units=
uninstall=

while [ $# -gt 0 ]; do
    case $1 in
    --kubelet) kubelet=${2:?install.sh: --kubelet needs a path} && shift ;;
    --units) units=yes ;;
    --uninstall) uninstall=yes ;;
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0" && exit ;;
    *) echo "install.sh: $1 is not an option; --help lists them" >&2 && exit 2 ;;
    esac
    shift
done

ours() { # whether PATH is a link to a program of ours
    [ -L "$1" ] && case $(readlink "$1") in "$target"/*) true ;; *) false ;; esac
}

take_back() {
    for link in /usr/bin/dockershim /usr/bin/podwright /usr/bin/kubelet "$kubelet"; do
        ! ours "$link" || rm -f "$link"
        [ ! -e "$link.upstream" ] || mv "$link.upstream" "$link"
    done
    for unit in kubelet.service.d/10-kubeadm.conf kubelet.service dockershim.service; do
        file=/etc/systemd/system/$unit
        ! grep -qs '^# Installed by Podwright' "$file" || rm -f "$file"
    done
    rmdir /etc/systemd/system/kubelet.service.d 2>/dev/null || true
    rm -rf "$target"
}

install_wheel() { # the one beside this script, or the one of the clone that it lies in
    wheels=$here
    if ! ls "$wheels"/podwright-*.whl >/dev/null 2>&1; then
        [ -e "$here/../pyproject.toml" ] || { echo "install.sh: no wheel in $here, no clone around it" >&2 && exit 1; }
        wheels=$(mktemp -d)
        trap 'rm -rf "$wheels"' EXIT
        pip wheel --no-deps --wheel-dir "$wheels" "$here/.."
    fi
    for wheel in "$wheels"/podwright-*.whl; do
        pip install "$wheel[systemd]" # kubeadm's default cgroup driver needs the extra
    done
    pip install --no-deps --force-reinstall "$wheels"/podwright-*.whl # also over the same version
}

pip() {
    verb=$1 && shift
    "$target/bin/python" -m pip "$verb" --quiet --disable-pip-version-check "$@"
}

install_unit() { # NAME: from packaging/systemd, where systemd knows none
    for directory in /etc/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
        [ ! -e "$directory/$1" ] || return 0
    done
    mkdir -p "$(dirname "/etc/systemd/system/$1")"
    { echo '# Installed by Podwright.' && cat "$here/systemd/$1"; } >"/etc/systemd/system/$1"
    echo "install.sh: unit $1"
}

if [ "$uninstall" ]; then
    take_back
    echo "install.sh: Podwright is gone; restart what should run instead, as with: systemctl restart kubelet"
    exit
fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "install.sh: Python 3.11 or newer is needed: apt-get install python3 python3-venv" >&2
    exit 1
}
"$target/bin/python" -m pip --version >/dev/null 2>&1 || python3 -m venv --clear "$target"
install_wheel
"$target/bin/kubelet" --version >/dev/null # nothing is replaced by what does not start
for program in dockershim podwright; do
    ln -sf "$target/bin/$program" "/usr/bin/$program"
done
if [ -e "$kubelet" ] && ! ours "$kubelet"; then
    mv "$kubelet" "$kubelet.upstream"
fi
mkdir -p "$(dirname "$kubelet")"
ln -sf "$target/bin/kubelet" "$kubelet"
if [ "$units" ]; then
    for unit in kubelet.service kubelet.service.d/10-kubeadm.conf dockershim.service; do
        install_unit "$unit"
    done
fi
echo "install.sh: $("$kubelet" --version) is $kubelet; what it replaced is $kubelet.upstream"
