"""What the joint of pods' configurations does by itself: the node's resolv.conf, and ids before a sandbox."""

from pathlib import Path

import pytest

from cri.v1 import api_pb2 as cri
from kubelet.api.meta import ContainerKind
from kubelet.api.types import (
    Container,
    ImageVolumeSource,
    NodeRuntimeHandler,
    NodeRuntimeHandlerFeatures,
    ObjectMeta,
    ObjectReference,
    Pod,
    PodSpec,
    Volume,
    VolumeMount,
)
from kubelet.containerspec import NodeContext
from kubelet.containerspec.errors import SandboxConfigError
from kubelet.events import LogEventRecorder
from kubelet.executor.start import ContainerToStart
from kubelet.images import ImageError, PulledImage
from kubelet.objects import RuntimeClasses
from kubelet.podconfigs import PodConfigs
from kubelet.timeline import Timeline
from kubelet.userns import IdRange, UserNamespaces

IDS = 65536


class Images:
    """An image manager that has every image but those that are missing."""

    def __init__(self):
        self.asked, self.missing = [], ()

    async def ensure(self, request):
        self.asked.append((request.reference.field_path, request.image, request.policy))
        if request.image in self.missing:
            raise ImageError("ErrImagePull", f"no {request.image}")
        return PulledImage(f"sha256:{request.image}", f"sha256:{request.image}", 7)


class Bench:
    def __init__(self, root, resolv_conf=None, able=True):
        self.images = Images()
        self.recorder = LogEventRecorder()
        self.user_namespaces = UserNamespaces(root, IdRange(IDS, 10 * IDS), IDS)
        context = NodeContext(node_name="n", root_dir=root, resolv_conf=resolv_conf, cluster_domain="cluster.local")
        handler = NodeRuntimeHandler(features=NodeRuntimeHandlerFeatures(user_namespaces=able))
        self.configs = PodConfigs(
            lambda: context, None, self.images, lambda _: "", self.recorder, Timeline(), None, None,
            RuntimeClasses(None), lambda: ObjectReference(kind="Node", name="n", uid="n"), self.user_namespaces,
            lambda: (handler,), None,
        )

    def events(self):
        return [(event.ref.name, event.kind, event.reason, event.message) for event in self.recorder.recent()]


@pytest.mark.parametrize(("searches", "told"), [(29, False), (30, True)])
async def test_a_resolv_conf_that_is_too_long_is_told_of_the_node(tmp_path, searches, told):
    path = tmp_path / "resolv.conf"
    path.write_text("search " + " ".join(f"d{number}" for number in range(searches)) + "\n")
    bench = Bench(tmp_path, path)
    await bench.configs.check_host_dns()
    text = f"Resolv.conf file '{path}' contains search line consisting of more than 29 domains!"
    assert bench.events() == ([("n", "Warning", "CheckLimitsForResolvConf", text)] if told else [])


@pytest.mark.parametrize("path", [None, Path("/nonexistent/resolv.conf")])
async def test_no_resolv_conf_is_no_event(tmp_path, path):
    bench = Bench(tmp_path, path)
    await bench.configs.check_host_dns()
    assert bench.events() == []


def make(**spec):
    return Pod(metadata=ObjectMeta(name="p", namespace="ns", uid="u"), spec=PodSpec(dns_policy="Default", **spec))


async def test_ids_are_claimed_before_the_sandbox_and_only_if_asked_for(tmp_path):
    (tmp_path / "pods/u").mkdir(parents=True)
    bench = Bench(tmp_path)
    assert await bench.configs.runtime_handler(make()) == ""
    assert bench.user_namespaces.holders() == frozenset()
    pod = make(host_users=False)
    await bench.configs.runtime_handler(pod)
    options = bench.configs.sandbox(pod, 0).linux.security_context.namespace_options.userns_options
    assert [(one.host_id, one.container_id, one.length) for one in options.uids] == [(IDS, 0, IDS)]
    assert options.uids == options.gids


async def test_a_runtime_without_user_namespaces_gets_no_ids(tmp_path):
    bench = Bench(tmp_path, able=False)
    with pytest.raises(SandboxConfigError):
        await bench.configs.runtime_handler(make(host_users=False))
    assert bench.user_namespaces.holders() == frozenset()


async def test_a_container_gets_the_images_of_the_volumes_that_it_mounts(tmp_path):
    bench = Bench(tmp_path)
    sources = {"tools": ImageVolumeSource(reference="tools:1", pull_policy="Always"),
               "other": ImageVolumeSource(reference="other:1")}  # fmt: skip
    main = Container(name="c", image="app:1", volume_mounts=(VolumeMount(name="tools", mount_path="/t"),))
    pod = make(containers=(main,), volumes=tuple(Volume(name=name, image=of) for name, of in sources.items()))
    item = ContainerToStart(ContainerKind.REGULAR, main)
    found = await bench.configs.image(pod, item, cri.PodSandboxConfig(), "kata")
    assert (found.image_ref, found.uid) == ("sha256:app:1", 7)
    assert dict(found.volumes) == {
        "tools": cri.ImageSpec(image="sha256:tools:1", user_specified_image="tools:1", runtime_handler="kata")
    }
    assert bench.images.asked == [("spec.containers{c}", "app:1", ""), ("", "tools:1", "Always")]
    bench.images.missing = ("tools:1",)
    failed = await bench.configs.image(pod, item, cri.PodSandboxConfig(), "")
    assert isinstance(failed, ImageError) and (failed.reason, str(failed)) == ("ErrImagePull", "no tools:1")
