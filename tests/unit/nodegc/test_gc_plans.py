import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nodegc.containers import (
    Container,
    ContainerPolicy,
    PodFates,
    Sandbox,
    plan_after_death,
    plan_containers,
    plan_sandboxes,
)
from nodegc.directories import (
    LogLink,
    PodDirectory,
    container_id_of_link,
    plan_log_directories,
    plan_log_links,
    plan_pod_directories,
    pod_uid_of_log_directory,
)
from nodegc.images import (
    Disk,
    Image,
    ImagePolicy,
    Sighting,
    Use,
    detect,
    format_size,
    plan_images,
    shortfall_message,
)
from nodegc.plan import Plan, go_duration

GIB = 1 << 30
NOW = 10_000_000.0


def removed(plan: Plan) -> list[str]:
    return [decision.subject for decision in plan if decision.remove]


def reasons(plan: Plan) -> dict[str, str]:
    return {decision.subject: decision.reason for decision in plan}


def fates(gone: str = "", ended: str = "", seen: bool = True) -> PodFates:
    return PodFates(lambda uid: uid in gone.split(), lambda uid: uid in (gone + " " + ended).split(), seen)


# --- images ---


def images_plan(images: list[Image], ledger: dict[str, Sighting], free: int, **rest: object) -> Plan:
    use, policy = rest.get("use", Use()), rest.get("policy", ImagePolicy())
    since = rest.get("since", NOW)
    return plan_images(
        images, ledger, use, policy, NOW, watching_since=since, free_bytes=free,  # type: ignore[arg-type]
    )


def test_the_longest_unused_images_go_until_there_is_enough_space() -> None:
    images = [Image("new", GIB), Image("never", GIB), Image("older", GIB), Image("oldest", GIB)]
    ledger = {
        "new": Sighting(NOW - 60, NOW - 30), "never": Sighting(NOW - 9000), "older": Sighting(NOW - 9000, NOW - 500),
        "oldest": Sighting(NOW - 9000, NOW - 900),
    }
    plan = images_plan(images, ledger, int(2.5 * GIB))
    assert removed(plan) == ["never", "oldest", "older"]
    assert reasons(plan) == {
        "never": "space: never seen in use", "oldest": "space: not used for 15m0s",
        "older": "space: not used for 8m20s", "new": "enough is freed without it",
    }
    assert removed(images_plan(images, ledger, 0)) == []
    assert removed(images_plan(images, ledger, 100 * GIB)) == ["never", "oldest", "older"]


def test_every_reason_for_an_image_to_stay() -> None:
    images = [
        Image("sha256:a", 1, ("app:1",)), Image("sha256:b", 1, ("app@sha256:b",)), Image("sha256:c", 1, ("vol:1",)),
        Image("sha256:d", 1, ("soon:1",)), Image("sha256:e", 1, pinned=True), Image("sha256:f", 1, ("air/gap:9",)),
        Image("sha256:g", 1), Image("sha256:h", 1), Image("sha256:i", 1, ("mine:1",)),
    ]
    ledger = {image.id: Sighting(NOW - 9000) for image in images} | {"sha256:h": Sighting(NOW - 119)}
    use = Use(frozenset({"sha256:a", "app@sha256:b"}), frozenset({"vol:1"}), frozenset({"soon:1"}))
    policy = ImagePolicy(protect=("air/*",), only=frozenset({"mine:1", "sha256:h"}))
    plan = images_plan(images, ledger, GIB, use=use, policy=policy)
    assert reasons(plan) == {
        "sha256:a": "in use by a container", "sha256:b": "in use by a container",
        "sha256:c": "in use by an image volume", "sha256:d": "wanted by a pod of this node",
        "sha256:e": "pinned by the runtime", "sha256:f": "protected by 'air/*'",
        "sha256:g": "not pulled by the kubelet",
        "sha256:h": "younger than imageMinimumGCAge 2m0s: seen for 1m59s", "sha256:i": "space: never seen in use",
    }


def test_old_images_go_without_need_once_the_agent_has_watched_long_enough() -> None:
    images = [Image("old", 1), Image("fresh", 1), Image("never", 1)]
    ledger = {"old": Sighting(0, NOW - 7201), "fresh": Sighting(0, NOW - 7199), "never": Sighting(NOW - 10)}
    policy = ImagePolicy(max_age=7200)
    assert removed(images_plan(images, ledger, 0, policy=policy, since=NOW - 7200)) == []
    plan = images_plan(images, ledger, 0, policy=policy, since=NOW - 7201)
    assert removed(plan) == ["never", "old"]
    assert reasons(plan)["old"] == "age: not used for longer than imageMaximumGCAge 2h0m0s"


def test_the_ledger_notes_stamps_and_forgets() -> None:
    ledger = detect({}, [Image("a", 1), Image("b", 1, ("b:1",))], Use(frozenset({"b:1"})), 100.0)
    assert ledger == {"a": Sighting(100.0), "b": Sighting(100.0, 100.0)}
    assert detect(ledger, [Image("b", 1)], Use(), 200.0) == {"b": Sighting(100.0, 100.0)}


images = st.lists(
    st.builds(
        Image, st.sampled_from("abcdefgh"), st.integers(0, 4 * GIB), st.just(()), st.booleans(),
    ), unique_by=lambda image: image.id,
)
sightings = st.dictionaries(
    st.sampled_from("abcdefgh"), st.builds(Sighting, st.floats(NOW - 1000, NOW), st.just(0.0) | st.floats(1, NOW))
)
names = st.frozensets(st.sampled_from("abcdefgh"))


@settings(deadline=None)
@given(images, sightings, st.builds(Use, names, names, names), st.integers(0, 20 * GIB), st.floats(0, 1000))
def test_never_an_image_in_use_pinned_or_young(
    listed: list[Image], ledger: dict[str, Sighting], use: Use, free: int, max_age: float
) -> None:
    policy = ImagePolicy(max_age=max_age)
    plan = images_plan(listed, ledger, free, use=use, policy=policy, since=0.0)
    assert sorted(decision.subject for decision in plan) == sorted(image.id for image in listed)
    assert all(decision.reason for decision in plan)
    by_id = {image.id: image for image in listed}
    space = [decision for decision in plan if decision.remove and decision.reason.startswith("space")]
    for decision in plan:
        if decision.remove:
            assert decision.subject not in use.containers | use.volumes | use.pods
            assert not by_id[decision.subject].pinned
    for decision in space:
        assert NOW - ledger[decision.subject].first_detected >= policy.min_age
    assert sum(decision.size for decision in space[:-1]) < max(free, 1)
    last_used = [ledger[decision.subject].last_used for decision in space]
    assert last_used == sorted(last_used)


def test_the_disk() -> None:
    policy = ImagePolicy()
    assert Disk(100 * GIB, 15 * GIB).used_percent == 85
    assert Disk(100 * GIB, 15 * GIB).wanted_bytes(policy) == 5 * GIB
    assert Disk(100, 200).used_percent == 0
    assert not ImagePolicy(high_percent=100).enabled
    assert ImagePolicy(high_percent=100, max_age=1).enabled
    assert shortfall_message(Disk(100 * GIB, 10 * GIB), 42).startswith(
        "Insufficient free disk space on the node's image filesystem (90% of 100.0 GiB used). Failed to free "
        "sufficient space by deleting unused images (freed 42 bytes). Investigate disk usage"
    )
    sizes = [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 20, "3.0 MiB"), (5 << 50, "5120.0 TiB")]
    assert [format_size(size) for size, _ in sizes] == [text for _, text in sizes]
    assert [go_duration(value) for value in (0, 59, 120, 604800)] == ["0s", "59s", "2m0s", "168h0m0s"]


# --- containers and sandboxes ---


def dead(container_id: str, name: str = "c", uid: str = "p", created: float = 1.0, **rest: bool) -> Container:
    running, unknown, unstarted = (rest.get(state, False) for state in ("running", "unknown", "unstarted"))
    return Container(container_id, name, uid, f"s-{uid}", created, running, unknown, unstarted)


def test_the_newest_dead_container_of_each_name_stays() -> None:
    containers = [dead("1", created=1), dead("3", created=3), dead("2", created=2), dead("x", "other"),
                  dead("r", created=9, running=True)]
    plan = plan_containers(containers, ContainerPolicy(), fates(), NOW)
    assert sorted(removed(plan)) == ["1", "2"]
    assert reasons(plan) == {
        "1": "dead, and not among the newest 1 of its name", "2": "dead, and not among the newest 1 of its name",
        "3": "newest dead container of its name", "x": "newest dead container of its name", "r": "it is running",
    }


@pytest.mark.parametrize(("others", "fate", "expected"), [
    # Its successor is made and not started: how it ended has to be told, and read in its log, all the same.
    ([dead("next", created=2, unstarted=True)], fates(), ""),
    ([dead("next", created=2, unstarted=True), dead("next too", created=3, unstarted=True)], fates(), "next"),
    ([dead("failed", created=2, unstarted=True), dead("next", created=3, running=True)], fates(), "failed"),
    ([dead("failed", created=0.5, unstarted=True)], fates(), "failed"),
    ([dead("next", created=2, unstarted=True)], fates(gone="p"), "ended next"),
])
def test_what_was_never_started_takes_no_dead_ones_place(
    others: list[Container], fate: PodFates, expected: str
) -> None:
    containers = [dead("ended", created=1), *others]
    assert sorted(removed(plan_containers(containers, ContainerPolicy(), fate, NOW))) == expected.split()
    if fate.content_removable("p"):
        return
    assert removed(plan_after_death(containers, "ended", keep=1)) == []
    assert removed(plan_containers(containers, ContainerPolicy(keep_in_all=1), fate, NOW)) == expected.split()


@pytest.mark.parametrize(("policy", "fate", "ended", "expected"), [
    (ContainerPolicy(keep_per_container=-1), fates(), False, ""),
    (ContainerPolicy(keep_per_container=0), fates(), False, "1 2 3 x"),
    (ContainerPolicy(), fates(gone="p"), False, "1 2 3 x"),
    (ContainerPolicy(), fates(gone="p", seen=False), False, "1 2"),
    (ContainerPolicy(), fates(ended="p"), False, "1 2"),
    (ContainerPolicy(), fates(ended="p"), True, "1 2 3 x"),
    (ContainerPolicy(min_age=NOW - 1.5), fates(), False, "1"),
    (ContainerPolicy(keep_per_container=-1, keep_in_all=3), fates(), False, "1 2"),
    (ContainerPolicy(keep_in_all=1), fates(), False, "1 2 x"),
])
def test_container_policies(policy: ContainerPolicy, fate: PodFates, ended: bool, expected: str) -> None:
    containers = [dead("1", created=1), dead("2", created=1.2), dead("3", created=1.3), dead("x", "other", created=1.1)]
    if policy.min_age:
        containers = [dead("1", created=1), dead("2", created=1.2), dead("3", created=1.6)]
        policy = ContainerPolicy(min_age=NOW - 1.5)
    plan = plan_containers(containers, policy, fate, NOW, also_ended_pods=ended)
    assert sorted(removed(plan)) == expected.split()


containers = st.lists(
    st.builds(
        Container, st.text("abcdef0123", min_size=4, max_size=4), st.sampled_from("xy"), st.sampled_from("pqr"),
        st.sampled_from(["s1", "s2", "s3"]), st.floats(0, 100), st.booleans(), st.just(False),
    ), unique_by=lambda container: container.id, max_size=30,
)


@settings(deadline=None)
@given(containers, st.sets(st.sampled_from("pqr")), st.booleans(), st.integers(-1, 3), st.integers(-1, 6))
def test_never_a_running_container_nor_all_of_a_living_pod(
    listed: list[Container], gone: set[str], seen: bool, each: int, total: int
) -> None:
    plan = plan_containers(
        listed, ContainerPolicy(0, each, total), fates(" ".join(gone), seen=seen), NOW
    )
    gone = gone if seen else set()
    kept = {decision.subject for decision in plan if not decision.remove}
    assert {decision.subject for decision in plan} == {container.id for container in listed}
    assert {container.id for container in listed if container.running} <= kept
    units = {(one.pod_uid, one.name) for one in listed if not one.running and one.pod_uid not in gone}
    alive = [one for one in listed if one.id in kept and not one.running]
    assert not any(one.pod_uid in gone for one in alive)
    for uid, name in units:
        unit = [one for one in listed if not one.running and (one.pod_uid, one.name) == (uid, name)]
        stays = [one for one in unit if one.id in kept]
        if each >= 0:
            assert len(stays) <= each
        if stays:
            assert min(one.created_at for one in stays) >= max(
                (one.created_at for one in unit if one.id not in kept), default=0
            )
    if total >= 0:
        assert len(alive) <= total


def sandbox(sandbox_id: str, created: float, ready: bool = False, uid: str = "p") -> Sandbox:
    return Sandbox(sandbox_id, uid, created, ready)


def test_sandboxes() -> None:
    group = [sandbox("old", 1), sandbox("full", 2), sandbox("new", 3), sandbox("ready", 2.5, ready=True)]
    inside = [Container("c", "c", "p", "full", 1.0, False)]
    plan = plan_sandboxes(group, inside, fates())
    assert reasons(plan) == {
        "old": "not ready, empty, and not the newest of its pod", "full": "it still has containers",
        "new": "newest sandbox of its pod", "ready": "it is ready",
    }
    assert removed(plan) == ["old"]
    assert removed(plan_sandboxes(group, inside, fates(gone="p"))) == ["old", "new"]
    assert removed(plan_sandboxes(group, inside, fates(ended="p"))) == ["old"]
    assert removed(plan_sandboxes(group, inside, fates(ended="p"), also_ended_pods=True)) == ["old", "new"]
    assert removed(plan_sandboxes(group, inside, fates(gone="p", seen=False))) == ["old"]


def test_after_a_death() -> None:
    group = [dead("1", created=1), dead("2", created=2), dead("3", created=3), dead("x", "other"),
             dead("r", running=True), dead("u", unknown=True)]
    assert removed(plan_after_death(group, "3", keep=1)) == ["2", "1"]
    assert removed(plan_after_death(group, "nobody", keep=1)) == []
    assert sorted(removed(plan_after_death(group, "3", keep=1, keep_none=True))) == ["1", "2", "3", "x"]


# --- directories and links ---


def test_names_on_disk() -> None:
    assert pod_uid_of_log_directory("kube-system_dns-x_1234-5") == "1234-5"
    assert [pod_uid_of_log_directory(name) for name in ("lost+found", "a_b", "_b_c", "a_b_c_d")] == [None] * 4
    assert container_id_of_link("web-1_shop_app-0123456789ab.log") == "0123456789ab"
    assert [container_id_of_link(name) for name in ("a_b_c-12345.log", "plain.log", "a-012345.txt")] == [None] * 3


def test_log_directories() -> None:
    paths = ["/l/ns_a_gone", "/l/ns_b_here", "/l/backup"]
    assert reasons(plan_log_directories(paths, fates(gone="gone backup"))) == {
        "/l/ns_a_gone": "its pod is gone", "/l/ns_b_here": "its pod exists",
        "/l/backup": "not the log directory of a pod",
    }
    assert removed(plan_log_directories(paths, fates(gone="gone"))) == ["/l/ns_a_gone"]
    assert removed(plan_log_directories(paths, fates(gone="gone", seen=False))) == []


@pytest.mark.parametrize(("link", "goes"), [
    (LogLink("/c/p_n_c-abcdef0.log", True), False), (LogLink("/c/p_n_c-abcdef0.log", False, True), True),
    (LogLink("/c/p_n_c-abcdef0.log", False, False), False), (LogLink("/c/p_n_c-abcdef0.log", False, None), False),
    (LogLink("/c/mine.log", False, True), False),
])
def test_log_links(link: LogLink, goes: bool) -> None:
    assert bool(removed(plan_log_links([link]))) is goes


def test_pod_directories() -> None:
    directories = [
        PodDirectory("/p/here", "here"), PodDirectory("/p/busy", "busy"), PodDirectory("/p/gone", "gone"),
        PodDirectory("/p/mounted", "mounted", mounts=("/p/mounted/volumes/x",)),
        PodDirectory("/p/data", "data", files=("/p/data/volumes/x/file",)),
    ]
    plan = plan_pod_directories(directories, {"here"}, {"busy"}, True)
    assert removed(plan) == ["/p/gone"]
    assert reasons(plan)["/p/mounted"] == (
        "something is mounted at /p/mounted/volumes/x; unmount it, then it goes by itself"
    )
    assert reasons(plan)["/p/data"] == (
        "a volume holds files, such as /p/data/volumes/x/file; save or delete them, then it goes by itself"
    )
    assert removed(plan_pod_directories(directories, {"here"}, {"busy"}, False)) == []
