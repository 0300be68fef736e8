"""A machine as most nodes are: systemd as init, cgroup v2, Docker with the systemd driver; emulated by QEMU.

    image     builds the disk, kernel and initramfs once, from Debian's packages     cpio   initramfs archives (pure)
    machine   Guest: boots it with this checkout inside, runs commands, ends it      agent  the other end, in the guest

    python -m conformance.guest build                 # about four minutes, cached outside the checkout
    python -m conformance.guest run -- systemctl status kubepods.slice
"""

from conformance.guest.image import GuestError, GuestImage, cached_image, ensure_image
from conformance.guest.machine import Guest

__all__ = ["Guest", "GuestError", "GuestImage", "cached_image", "ensure_image"]
