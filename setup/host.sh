#!/bin/sh
# Makes a machine ready: installs what is missing on Debian and Ubuntu, says what is missing elsewhere.
#
#   setup/host.sh run       what `make run` needs: engine, CNI plugins, iptables, compiler, busybox, Python's venv
#   setup/host.sh test      that, and what the test suites need, with Go (setup/go.py)
set -eu

purpose=${1:?usage: setup/host.sh run|test}

# command-or-file : Debian package : what it is for
run_needs='
dockerd:docker.io:the container engine
/usr/lib/cni/bridge:containernetworking-plugins:the CNI plugins
iptables:iptables:NAT for pods
ip:iproute2:network set-up
cc:gcc:to compile the pause program
/usr/lib/x86_64-linux-gnu/libc.a|/usr/lib/aarch64-linux-gnu/libc.a|/usr/lib64/libc.a:libc6-dev:to link the pause program statically
busybox:busybox-static:the image of the examples
@venv:python3-venv:the virtual environment
'
test_needs='
conntrack:conntrack:to look at connection tracking in tests
crun:crun:the second runtime handler
docker-registry:docker-registry:a registry on loopback for pull tests
unshare:util-linux:throw-away nodes
/usr/include/seccomp.h:libseccomp-dev:to build runc
dbus-daemon:dbus:message buses of their own for tests of node shutdown
make:make:to build the engine and its peers
curl:curl:a program of the images of the node suite
git:git:to build Go modules
ps:procps:process listings in tests
'

# python_has_venv: the Python that make uses can make virtual environments with pip in them.
python_has_venv() {
    "${PYTHON:-python3}" -c 'import venv, ensurepip' 2>/dev/null
}

present() {
    case $1 in
        @venv) python_has_venv; return ;;
    esac
    old_ifs=$IFS; IFS='|'
    for candidate in $1; do
        IFS=$old_ifs
        case $candidate in
            /*) if [ -e "$candidate" ]; then return 0; fi ;;
            *) if command -v "$candidate" >/dev/null 2>&1 || [ -x "/usr/sbin/$candidate" ]; then return 0; fi ;;
        esac
    done
    IFS=$old_ifs
    return 1
}

needs=$run_needs
if [ "$purpose" = test ]; then needs="$run_needs$test_needs"; fi

missing=""
reasons=""
while IFS=: read -r what package why; do
    if [ -z "$what" ]; then continue; fi
    if ! present "$what"; then
        missing="$missing $package"
        reasons="$reasons
  $package: $why"
    fi
done <<EOF
$needs
EOF

install_missing() {
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "setup: this machine lacks the following; install it with your package manager and run make again:$reasons" >&2
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        echo "setup: root is needed to install:$reasons" >&2
        echo "setup: run make as root, or install the packages yourself: apt-get install$missing" >&2
        exit 1
    fi
    echo "setup: installing with apt-get:$reasons"
    export DEBIAN_FRONTEND=noninteractive
    # Another package manager (a fresh cloud machine updates itself) is waited for.
    wait="-o DPkg::Lock::Timeout=300"
    # shellcheck disable=SC2086 # options and package names, in words
    { apt-get $wait update -qq && apt-get $wait install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 || {
        cat "$log" >&2
        rm -f "$log"
        echo "setup: apt-get could not install:$missing" >&2
        exit 1
    }
    rm -f "$log"
    echo "setup: packages are installed"
}

if [ -n "$missing" ]; then
    log=$(mktemp)
    install_missing
fi
if [ "$purpose" = test ]; then
    "${PYTHON:-python3}" "$(dirname "$0")/go.py"
fi
