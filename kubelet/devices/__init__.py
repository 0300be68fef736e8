"""Devices that plugins offer and pods use (device plugin API v1beta1; pkg/kubelet/cm/devicemanager).

    plugin ── Register ──▶ registration ──▶ manager ◀── admission: allocate ─▶ GetPreferredAllocation, Allocate
       ◀── ListAndWatch ──────────────────────┤   ◀── container start: PreStartContainer; env, mounts, devices, CDI
                                              ├──▶ node: capacity and allocatable
                                              └──▶ kubelet_internal_checkpoint

`endpoint` is the table of a plugin's life, `inventory` what plugins offer, `allocation` which devices a container gets,
`ledger` who has what, `checkpoint` its form on disk, `runoptions` what a container is given: all pure. `plugin` and
`registration` speak gRPC, `manager` joins. The stubs are loaded when the first plugin registers, not before.
"""
