"""Stats, metrics and image facts on both of the engine's stores: graph driver and containerd's image store."""

import asyncio
from collections.abc import AsyncIterator

import grpc.aio
import pytest
import pytest_asyncio
from shim_under_test import BUSYBOX, STORES, ShimUnderTest, node_with_store

from conformance.throwaway import ThrowawayNode
from cri import errors
from cri.v1 import api_pb2 as cri
from cri.v1 import api_pb2_grpc as cri_grpc

MIB = 1 << 20


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=STORES)
async def node(request: pytest.FixtureRequest) -> AsyncIterator[ThrowawayNode]:
    async with node_with_store(request.param, "node-test-store") as made:
        yield made


@pytest_asyncio.fixture
async def shim(node: ThrowawayNode) -> AsyncIterator[ShimUnderTest]:
    async with ShimUnderTest(node) as under_test:
        yield under_test


async def test_stats_and_metrics(shim: ShimUnderTest) -> None:
    pod = shim.pod("measured")
    sandbox_id = await shim.run_pod(pod)
    config = shim.container("head -c 5000000 /dev/zero > /big; touch /small; while :; do :; done & sleep 1000")
    config.linux.resources.memory_limit_in_bytes = 64 * MIB
    config.linux.resources.memory_swap_limit_in_bytes = 64 * MIB
    container_id = await shim.run_container(sandbox_id, pod, config)
    await shim.exec(container_id, "until [ -e /small ]; do sleep 0.1; done")
    before = (await shim.runtime.ContainerStats(cri.ContainerStatsRequest(container_id=container_id))).stats
    await asyncio.sleep(1.1)
    stats = (await shim.runtime.ContainerStats(cri.ContainerStatsRequest(container_id=container_id))).stats
    assert stats.cpu.usage_core_nano_seconds.value > before.cpu.usage_core_nano_seconds.value
    assert stats.cpu.usage_nano_cores.value > 10_000_000
    memory = stats.memory
    assert 0 < memory.working_set_bytes.value <= memory.usage_bytes.value < 64 * MIB
    assert memory.available_bytes.value == 64 * MIB - memory.working_set_bytes.value
    assert memory.rss_bytes.value > 0 and memory.page_faults.value > 0
    assert stats.writable_layer.used_bytes.value >= 5_000_000
    assert stats.writable_layer.inodes_used.value >= 2
    assert stats.writable_layer.fs_id.mountpoint == "/var/lib/docker"

    whole = (await shim.runtime.PodSandboxStats(cri.PodSandboxStatsRequest(pod_sandbox_id=sandbox_id))).stats.linux
    assert whole.cpu.usage_core_nano_seconds.value >= stats.cpu.usage_core_nano_seconds.value
    assert whole.memory.working_set_bytes.value > 0 and whole.process.process_count.value >= 3
    assert whole.network.default_interface.name == "eth0"
    assert [one.attributes.id for one in whole.containers] == [container_id]

    described = (await shim.runtime.ListMetricDescriptors(cri.ListMetricDescriptorsRequest())).descriptors
    keys = {descriptor.name: list(descriptor.label_keys) for descriptor in described}
    listed = (await shim.runtime.ListPodSandboxMetrics(cri.ListPodSandboxMetricsRequest())).pod_metrics
    assert [one.pod_sandbox_id for one in listed] == [sandbox_id]
    assert [one.container_id for one in listed[0].container_metrics] == [container_id]
    told = {
        metric.name: (dict(zip(keys[metric.name], metric.label_values, strict=True)), metric.value.value)
        for metric in listed[0].container_metrics[0].metrics
    }
    labels, limit = told["container_spec_memory_limit_bytes"]
    assert limit == 64 * MIB
    assert labels["id"].endswith(f"/pod{pod.metadata.uid}/{container_id}")
    assert (labels["container"], labels["pod"], labels["namespace"], labels["image"]) == (
        "main", "measured", "test", BUSYBOX
    )
    assert told["container_fs_usage_bytes"][1] >= 5_000_000
    assert told["container_processes"][1] >= 2 and told["container_memory_rss"][1] > 0
    pod_level = {metric.name for metric in listed[0].metrics}
    assert {"container_network_receive_bytes_total", "container_memory_working_set_bytes"} <= pod_level


async def test_image_file_systems(shim: ShimUnderTest) -> None:
    space = await shim.images.ImageFsInfo(cri.ImageFsInfoRequest())
    assert [one.fs_id.mountpoint for one in space.image_filesystems] == ["/var/lib/docker"]
    assert space.image_filesystems[0].used_bytes.value > 1 * MIB
    assert space.image_filesystems[0].inodes_used.value > 0
    assert [one.fs_id.mountpoint for one in space.container_filesystems] == ["/var/lib/docker"]
    pod = shim.pod("writer")
    sandbox_id = await shim.run_pod(pod)
    container_id = await shim.run_container(
        sandbox_id, pod, shim.container("head -c 5000000 /dev/zero > /big; touch /done; sleep 1000")
    )
    await shim.exec(container_id, "until [ -e /done ]; do sleep 0.1; done")
    after = await shim.images.ImageFsInfo(cri.ImageFsInfoRequest())
    assert after.container_filesystems[0].used_bytes.value >= 5_000_000
    assert after.container_filesystems[0].inodes_used.value >= 2


async def test_image_ids_agree_whatever_the_name(shim: ShimUnderTest) -> None:
    await shim.node.run(["docker", "tag", BUSYBOX, "localhost/other/name:2"])
    ids = {
        (await shim.images.ImageStatus(cri.ImageStatusRequest(image=cri.ImageSpec(image=name)))).image.id
        for name in (BUSYBOX, "localhost/other/name:2")
    }
    assert len(ids) == 1
    (image_id,) = ids
    pod = shim.pod("named")
    sandbox_id = await shim.run_pod(pod)
    for number, name in enumerate((BUSYBOX, "localhost/other/name:2", image_id)):
        config = shim.container("sleep 1000", name=f"c{number}")
        config.image.image = name
        status = await shim.status(await shim.create(sandbox_id, pod, config))
        assert status.image_id == image_id, name
    listed = (await shim.runtime.ListContainers(cri.ListContainersRequest())).containers
    assert {item.image_id for item in listed} == {image_id}
    await shim.node.run(["docker", "rmi", "localhost/other/name:2"])


async def test_lists_are_streamed(shim: ShimUnderTest) -> None:
    pod = shim.pod("streamed")
    sandbox_id = await shim.run_pod(pod)
    container_id = await shim.run_container(sandbox_id, pod, shim.container("sleep 1000"))
    async with grpc.aio.insecure_channel(f"unix://{shim.node.path(shim.socket)}") as channel:
        runtime, image = cri_grpc.RuntimeServiceStub(channel), cri_grpc.ImageServiceStub(channel)
        sandboxes = [one.id async for part in runtime.StreamPodSandboxes(cri.StreamPodSandboxesRequest())
                     for one in part.pod_sandboxes]
        containers = [one.id async for part in runtime.StreamContainers(cri.StreamContainersRequest())
                      for one in part.containers]
        stats = [one.attributes.id async for part in runtime.StreamContainerStats(cri.StreamContainerStatsRequest())
                 for one in part.container_stats]
        pods = [one.attributes.id async for part in runtime.StreamPodSandboxStats(cri.StreamPodSandboxStatsRequest())
                for one in part.pod_sandbox_stats]
        metrics = [one.pod_sandbox_id async for part in
                   runtime.StreamPodSandboxMetrics(cri.StreamPodSandboxMetricsRequest())
                   for one in part.pod_sandbox_metrics]
        names = {tag async for part in image.StreamImages(cri.StreamImagesRequest())
                 for one in part.images for tag in one.repo_tags}
    assert sandboxes == pods == metrics == [sandbox_id]
    assert containers == stats == [container_id]
    assert BUSYBOX in names


async def test_removing_by_one_name_removes_all(shim: ShimUnderTest) -> None:
    """Also when several do it at once."""
    for tag in ("localhost/extra:one", "localhost/extra:two", "localhost/third:name"):
        if tag == "localhost/extra:one":
            await shim.node.run(["docker", "import", "-", tag], stdin="")
        else:
            await shim.node.run(["docker", "tag", "localhost/extra:one", tag])
    spec = cri.ImageSpec(image="localhost/extra:one")
    image_id = (await shim.images.ImageStatus(cri.ImageStatusRequest(image=spec))).image.id
    await asyncio.gather(*(
        shim.images.RemoveImage(cri.RemoveImageRequest(image=cri.ImageSpec(image=name)))
        for name in ("localhost/extra:one", "localhost/third:name", "localhost/extra:one", image_id)
    ))
    for name in ("localhost/extra:one", "localhost/extra:two", "localhost/third:name", image_id):
        left = await shim.images.ImageStatus(cri.ImageStatusRequest(image=cri.ImageSpec(image=name)))
        assert not left.HasField("image"), name


async def test_update_of_pod_resources(shim: ShimUnderTest) -> None:
    pod = shim.pod("resized")
    sandbox_id = await shim.run_pod(pod)
    request = cri.UpdatePodSandboxResourcesRequest(pod_sandbox_id=sandbox_id)
    request.resources.memory_limit_in_bytes = 128 * MIB
    await shim.runtime.UpdatePodSandboxResources(request)


async def test_image_volumes(shim: ShimUnderTest) -> None:
    """From Engine 28 on, by name and by id, which is what the kubelet gives; refused with its own word before."""
    pod = shim.pod("volumes")
    sandbox_id = await shim.run_pod(pod)
    spec = cri.ImageSpec(image=BUSYBOX)
    image_id = (await shim.images.ImageStatus(cri.ImageStatusRequest(image=spec))).image.id
    mounts = [
        cri.Mount(container_path=f"/image{number}", image=cri.ImageSpec(image=name), readonly=True)
        for number, name in enumerate((BUSYBOX, image_id))
    ]
    config = shim.container("sleep 1000", mounts=mounts)
    if shim.node.engine == "20.10":
        with pytest.raises(errors.UnimplementedError, match=r"ImageVolumeMountFailed.*Engine 28"):
            await shim.create(sandbox_id, pod, config)
        return
    container_id = await shim.run_container(sandbox_id, pod, config)
    said = await shim.exec(container_id, "ls /image0/bin/sh /image1/bin/sh; touch /image0/x 2>/dev/null || echo ro")
    assert said.stdout == b"/image0/bin/sh\n/image1/bin/sh\nro\n", said
