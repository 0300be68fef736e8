"""Container logs from a real engine, while processes of ours are killed: every line is counted."""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
import pytest_asyncio

from conformance import images
from conformance.throwaway import ThrowawayNode
from cri.logformat import parse_line
from dockershim.logs import ContainerLogs, LogError, LogTarget

IMAGE = "localhost/podwright/busybox:1"
COUNT = "BEGIN { for (i = 1; i <= %d; i++) printf \"line %%d %s\\n\", i }"


class LogRig:
    """`logs` is the dockershim's side; containers are made by the engine's own command."""

    def __init__(self, node, directory):
        self.node = node
        self.directory = directory
        self.state = directory / "state"
        self.containers = []
        self._group = None

    async def shim(self):
        """A dockershim that has just been started."""
        logs = ContainerLogs(self.state, self.node.path("/var/lib/docker"))
        await logs.start()
        return logs

    async def docker(self, *arguments, timeout=60.0):
        return (await self.node.run(["docker", "-H", "unix:///run/docker.sock", *arguments], timeout=timeout)).stdout

    async def create(self, logs, *command, name="web"):
        """A container with its log at `path(name)`."""
        setup = await logs.prepare(name, str(self.path(name)), False)
        options = [word for key, value in setup.options.items() for word in ("--log-opt", f"{key}={value}")]
        container_id = await self.create_plain("--log-driver", setup.driver, *options, command=command)
        await logs.attach(container_id, str(self.path(name)))
        return container_id

    async def create_plain(self, *options, command):
        output = await self.docker("create", "--network=none", *options, IMAGE, *command)
        self.containers.append(output.strip())
        return output.strip()

    def path(self, name="web"):
        return self.directory / "pods" / name / "0.log"

    def pid(self):
        """Of the log process."""
        wanted = str(self.state).encode()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and wanted in (entry / "cmdline").read_bytes().split(b"\0"):
                    return int(entry.name)
        raise AssertionError("no log process")

    def texts(self, name="web"):
        """Texts of all lines of a log and what it was renamed to, oldest first."""
        current = self.path(name)
        rotated = sorted(current.parent.glob("0.log.*"), key=lambda path: int(path.suffix[1:]))
        records = [parse_line(line) for path in [*rotated, current] for line in path.read_bytes().splitlines(True)]
        assert None not in records
        assert all(one.time_ns <= two.time_ns for one, two in itertools.pairwise(records))
        return [record.text.decode() for record in records]


@contextlib.asynccontextmanager
async def rig_on(node):
    directory = Path(tempfile.mkdtemp(prefix="pwlogs", dir="/var/tmp"))
    rig = LogRig(node, directory)
    try:
        yield rig
    finally:
        if rig.containers:
            await rig.docker("rm", "-f", *rig.containers)
        logs = ContainerLogs(rig.state, Path("/"))
        await logs.stop_process()
        shutil.rmtree(directory)


@pytest_asyncio.fixture
async def rig(engine_node):
    async with rig_on(engine_node) as rig:
        yield rig


@contextlib.asynccontextmanager
async def running(logs):
    """While a dockershim runs; at the end it is gone without a word."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(logs.run())
        try:
            yield logs
        finally:
            task.cancel()


async def soon(condition, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (a file of another process: nobody tells us)
            await asyncio.sleep(0.01)


def numbered(count, padding):
    return [f"line {number} {padding}" for number in range(1, count + 1)]


async def test_killed_log_process_and_rotation_under_load(rig):
    count, padding = 400_000, "x" * 40
    async with running(await rig.shim()) as logs:
        container_id = await rig.create(logs, "awk", COUNT % (count, padding))
        await rig.docker("start", container_id)
        ended = asyncio.Event()

        async def harass():
            for turn in range(1000):
                await asyncio.sleep(0.15)
                await soon_pid(rig)
                os.kill(rig.pid(), signal.SIGKILL)
                if turn % 2:
                    rig.path().rename(rig.path().with_name(f"0.log.{turn}"))
                    await logs.reopen(container_id)
                if ended.is_set() and turn >= 6:
                    return

        async with asyncio.TaskGroup() as group:
            group.create_task(harass())
            await rig.docker("wait", container_id)
            ended.set()
        await logs.drain(container_id)
        assert rig.texts() == numbered(count, padding)
        assert len(list(rig.path().parent.iterdir())) >= 4


async def soon_pid(rig):
    def there():
        with contextlib.suppress(AssertionError):
            return bool(rig.pid())
        return False

    await soon(there)


async def test_logs_go_on_while_the_dockershim_is_away(rig):
    command = ("sh", "-c", "i=0; while [ $i -lt 100 ]; do i=$((i + 1)); echo line $i x; sleep 0.02; done; sleep 600")
    async with running(await rig.shim()) as logs:
        container_id = await rig.create(logs, *command)
        await rig.docker("start", container_id)
        pid = rig.pid()
    await soon(lambda: len(rig.texts()) == 100)
    async with running(await rig.shim()) as logs:
        await logs.recover([LogTarget(container_id, str(rig.path()))])
        assert rig.pid() == pid
        rig.path().rename(rig.path().with_name("0.log.1"))
        await logs.reopen(container_id)
        assert rig.path().read_bytes() == b""
        assert rig.texts() == numbered(100, "x")
        await logs.recover([])  # the container is gone
        with pytest.raises(LogError, match="is not followed"):
            await logs.reopen(container_id)


async def test_container_that_ends_while_all_of_ours_is_dead(rig):
    async with running(await rig.shim()) as logs:
        container_id = await rig.create(logs, "awk", COUNT % (20_000, "x"))
        os.kill(rig.pid(), signal.SIGKILL)
    await rig.docker("start", container_id)
    await rig.docker("wait", container_id)
    async with running(await rig.shim()) as logs:
        await logs.recover([LogTarget(container_id, str(rig.path()))])
        await logs.drain(container_id)
        assert rig.texts() == numbered(20_000, "x")


async def test_partial_lines_and_streams(rig):
    script = "awk 'BEGIN { while (i++ < 40000) printf \"a\"; print \"\" }'; echo error >&2; printf 'no newline'"
    async with running(await rig.shim()) as logs:
        container_id = await rig.create(logs, "sh", "-c", script)
        await rig.docker("start", container_id)
        await rig.docker("wait", container_id)
        await logs.drain(container_id)
    records = [parse_line(line) for line in rig.path().read_bytes().splitlines(True)]
    out = [(record.partial, len(record.text)) for record in records if record.stream == "stdout"]
    assert out == [(True, 16384), (True, 16384), (False, 7232), (True, 10)]
    assert [record.text for record in records if record.stream == "stderr"] == [b"error"]


async def test_container_of_cri_dockerd_is_moved_over_at_its_first_rotation(rig):
    script = "echo before; while [ ! -e /go ]; do sleep 0.05; done; echo after; sleep 600"
    container_id = await rig.create_plain("--log-driver=json-file", command=("sh", "-c", script))
    engine_file = rig.node.path(f"/var/lib/docker/containers/{container_id}/{container_id}-json.log")
    rig.path().parent.mkdir(parents=True)
    rig.path().symlink_to(engine_file)
    await rig.docker("start", container_id)
    await soon(lambda: engine_file.exists() and b"before" in engine_file.read_bytes())
    async with running(await rig.shim()) as logs:
        await logs.recover([LogTarget(container_id, str(rig.path()))])
        assert rig.path().is_symlink()
        assert b"before" in rig.path().read_bytes()
        renamed = rig.path().rename(rig.path().with_name("0.log.1"))
        await logs.reopen(container_id, str(rig.path()))
        await rig.docker("exec", container_id, "touch", "/go")
        await soon(lambda: b"F after\n" in rig.path().read_bytes())
        assert b"before" not in rig.path().read_bytes()
        assert b"before" in renamed.read_bytes()


async def test_busy_container_does_not_delay_a_quiet_one_and_idle_costs_nothing(rig):
    async with running(await rig.shim()) as logs:
        busy = await rig.create(logs, "sh", "-c", f"yes {'b' * 199} | head -c 100000000; sleep 600", name="busy")
        quiet = await rig.create(logs, "sleep", "600", name="quiet")
        await rig.docker("start", busy)
        await rig.docker("start", quiet)
        await asyncio.sleep(0.5)
        loop = asyncio.get_running_loop()
        await rig.docker("exec", quiet, "sh", "-c", "echo hello > /proc/1/fd/1")
        began = loop.time()
        await soon(lambda: b"hello" in rig.path("quiet").read_bytes())
        assert loop.time() - began < 1.0
        await soon(lambda: rig.path("busy").read_bytes().count(b"\n") == 500_000, 60)
        await asyncio.sleep(0.2)
        before = cpu_ticks(rig.pid())
        await asyncio.sleep(1.0)
        assert cpu_ticks(rig.pid()) == before
        assert resident_kilobytes(rig.pid()) <= 20_480


def cpu_ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def resident_kilobytes(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


async def test_directory_that_cannot_be_made_is_told(rig):
    (rig.directory / "pods").write_text("in the way")
    async with running(await rig.shim()) as logs:
        with pytest.raises(LogError, match=r"pods/web.*: .*directory"):
            await rig.create(logs, "true")
        await logs.detach(rig.containers[-1])


async def test_full_disk_is_told_and_no_line_is_lost(rig, caplog):
    disk = rig.path().parent
    disk.mkdir(parents=True)
    await host("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk)
    try:
        async with running(await rig.shim()) as logs:
            container_id = await rig.create(logs, "awk", COUNT % (20_000, "x" * 20))
            await rig.docker("start", container_id)
            await rig.docker("wait", container_id)
            await soon(lambda: f"{rig.path()}: No space left on device" in caplog.text)
            assert caplog.text.count("No space left") == 1
            await host("mount", "-o", "remount,size=8m", disk)
            await soon(lambda: "container log goes on" in caplog.text)
            await logs.drain(container_id)
            assert rig.texts() == numbered(20_000, "x" * 20)
            await logs.detach(container_id)
    finally:
        await host("umount", disk)


async def host(*command):
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("json-file", ("max-size=10k", "max-file=1", "mode=non-blocking", "tag={{.Name}}")),
        ("local", ("max-size=10k",)),
        ("none", ()),
        ("journald", ()),
        ("syslog", ("syslog-address=udp://127.0.0.1:5514",)),
    ],
)
async def test_engine_defaults_do_not_matter(driver, options):
    """Engines whose own default would cut, label and drop, or write elsewhere."""
    arguments = [f"--log-driver={driver}", *(f"--log-opt={option}" for option in options)]
    async with ThrowawayNode(f"logs-default-{driver}", engine_args=arguments) as node:
        await images.load_into_engine(node.docker_socket, images.node_images())
        async with rig_on(node) as rig, running(await rig.shim()) as logs:
            container_id = await rig.create(logs, "awk", COUNT % (100_000, "y" * 20))
            await rig.docker("start", container_id)
            await rig.docker("wait", container_id)
            await logs.drain(container_id)
            assert rig.texts() == numbered(100_000, "y" * 20)
