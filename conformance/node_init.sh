#!/bin/sh
# First process of a throw-away node; started by throwaway.py inside fresh namespaces, never by hand.
#
#   node_init.sh SCRATCH NAME "v1 hierarchies" "shared paths"    # says "ready" on stdout
#
# Everything below happens in the node's own mount and network namespace. The host's /etc, /var and /opt stay visible
# as the lower layers of overlays, so a mount point made here is made in the node's scratch directory and nowhere else.
set -eu
scratch=$1 name=$2 hierarchies=$3 shared=$4

mount --make-rprivate /
hostname "$name"

# The scratch directory may itself lie below /var: keep a hold on it, and on each shared path, before /var is covered.
mount -t tmpfs -o mode=755,nosuid,nodev podwright-run /run
mkdir -p /run/lock /run/.node /run/.shared
mount --bind "$scratch" /run/.node
n=0
for path in $shared; do
    mkdir -p "/run/.shared/$n"
    mount --bind "$path" "/run/.shared/$n"
    n=$((n + 1))
done

for top in etc var opt; do
    mkdir -p "/run/.node/upper/$top" "/run/.node/work/$top"
    mount -t overlay -o "lowerdir=/$top,upperdir=/run/.node/upper/$top,workdir=/run/.node/work/$top" \
        "podwright-$top" "/$top"
done

mkdir -p "$scratch"
mount --bind /run/.node "$scratch"
n=0
for path in $shared; do
    mkdir -p "$path"
    mount --bind "/run/.shared/$n" "$path"
    umount "/run/.shared/$n"
    n=$((n + 1))
done
umount /run/.node
rm -rf /run/.node /run/.shared

# State that must not lie on an overlay (an engine puts overlays of its own there) and must not show the host's.
for dir in /var/lib/docker /var/lib/containerd /var/lib/kubelet /var/lib/dockershim /var/lib/cni /var/lib/etcd \
    /var/log/pods /var/log/containers /etc/cni/net.d /etc/kubernetes /etc/docker /etc/containerd; do
    mkdir -p "$scratch/private$dir" "$dir"
    mount --bind "$scratch/private$dir" "$dir"
done
mkdir -p /opt/cni
[ -e /opt/cni/bin ] || ln -s /usr/lib/cni /opt/cni/bin

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t tmpfs -o nosuid,nodev podwright-shm /dev/shm
if [ -n "$hierarchies" ]; then
    mount -t tmpfs -o mode=755,nosuid,nodev,noexec podwright-cgroup /sys/fs/cgroup
    for controllers in $hierarchies; do
        mkdir "/sys/fs/cgroup/$controllers"
        case $controllers in
        systemd) mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd ;;
        *) mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$controllers" ;;
        esac
        for alias in $(echo "$controllers" | tr , ' '); do
            [ -e "/sys/fs/cgroup/$alias" ] || ln -s "$controllers" "/sys/fs/cgroup/$alias"
        done
    done
else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi

# A kubelet sets these for the whole kernel; in a node it gets files of its own to write to.
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys \
    kernel/keys/root_maxbytes; do
    [ -e "/proc/sys/$setting" ] || continue
    mkdir -p "$scratch/sysctl/${setting%/*}"
    cat "/proc/sys/$setting" >"$scratch/sysctl/$setting"
    mount --bind "$scratch/sysctl/$setting" "/proc/sys/$setting"
done
mount --make-rshared /

echo "$name" >/etc/hostname
ip link set lo up
for setting in ipv4/ip_forward:1 ipv6/conf/all/forwarding:1 bridge/bridge-nf-call-iptables:1 \
    bridge/bridge-nf-call-ip6tables:1; do
    # Absent where the kernel has no IPv6 or no bridge filter; an engine or kube-proxy that needs one says so itself.
    [ ! -e "/proc/sys/net/${setting%:*}" ] || echo "${setting#*:}" >"/proc/sys/net/${setting%:*}"
done

echo ready
exec >/dev/null
# The first process of a pid namespace inherits orphans; ignoring SIGCHLD lets the kernel reap them.
exec env -i --ignore-signal=CHLD PATH=/usr/bin:/bin sleep infinity
