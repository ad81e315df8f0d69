"""A real one-node Slurm for the tests: munged, slurmctld and slurmd as children of the test run, loopback only."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

N_CORES = 8
"""What the node claims to have: Slurm counts them, nobody uses them."""
SQUEUE = shutil.which("squeue") or "squeue"
"""The real one, whatever a test puts before it."""


@dataclass(frozen=True)
class Cluster:
    """The running cluster; its settings are in the environment (``SLURM_CONF``)."""

    directory: Path
    commands: dict[str, list[str]]
    daemons: dict[str, subprocess.Popen[bytes]]

    def start(self, name: str) -> None:
        """Start slurmctld or slurmd, for the first time or again."""
        self.daemons[name] = subprocess.Popen(self.commands[name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @contextlib.contextmanager
    def without(self, name: str) -> Iterator[None]:
        """The cluster while one of its daemons is gone; it is back afterwards, and its jobs ran on."""
        self.daemons[name].terminate()
        self.daemons[name].wait()
        try:
            yield
        finally:
            self.start(name)

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """The cluster while one of its daemons takes what it is sent and answers nothing."""
        self.daemons[name].send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.daemons[name].send_signal(signal.SIGCONT)

    def queue(self) -> list[str]:
        """Jobs that wait or run, one line ``id state partition`` each."""
        return slurm_says(SQUEUE, "-h", "-o", "%i %t %P").splitlines()


def slurm_says(*command: str) -> str:
    """Standard output of a Slurm command."""
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


def free_port() -> int:
    with socket.socket() as handle:
        handle.bind(("127.0.0.1", 0))
        port: int = handle.getsockname()[1]
        return port


def configuration(directory: Path, host: str) -> dict[str, str]:
    settings = {
        "ClusterName": "tests",
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmUser": "root",
        "SlurmdUser": "root",
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={directory}/munge.socket",
        "CredType": "cred/munge",
        "CommunicationParameters": "NoCtldInAddrAny,NoInAddrAny",
        "SlurmctldPort": str(free_port()),
        "SlurmdPort": str(free_port()),
        "StateSaveLocation": f"{directory}/state",
        "SlurmdSpoolDir": f"{directory}/spool",
        "SlurmctldPidFile": f"{directory}/slurmctld.pid",
        "SlurmdPidFile": f"{directory}/slurmd.pid",
        "SlurmctldLogFile": f"{directory}/slurmctld.log",
        "SlurmdLogFile": f"{directory}/slurmd.log",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "SwitchType": "switch/none",
        "MpiDefault": "none",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_Core",
        "SchedulerType": "sched/backfill",
        # Jobs start when they can, not with the next regular look.
        "SchedulerParameters": "batch_sched_delay=0,bf_interval=1,sched_interval=1",
        "AccountingStorageType": "accounting_storage/none",
        "JobAcctGatherType": "jobacct_gather/none",
        "JobCompType": "jobcomp/none",
        "ReturnToService": "2",
        "SlurmdParameters": "config_overrides",
        "KillWait": "1",
        "MinJobAge": "10",
        "MessageTimeout": "3",
        "GresTypes": "gpu",
    }
    lines = [f"{key}={value}" for key, value in settings.items()]
    lines += [
        f"NodeName={host} NodeAddr=127.0.0.1 CPUs={N_CORES} RealMemory=4000 Gres=gpu:1 State=UNKNOWN",
        f"PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP",
        f"PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP",
    ]
    return {
        "slurm.conf": "\n".join(lines) + "\n",
        # Any character device passes for a GPU: only the bookkeeping of --gres is wanted.
        "gres.conf": f"NodeName={host} Name=gpu File=/dev/zero\n",
        # Naming version 1 keeps slurmd from looking for the cgroups of systemd; none is used.
        "cgroup.conf": "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n",
    }


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Slurm with the partitions cpu and gpu and one GPU in name; skips where it cannot be had."""
    if os.getuid() != 0:
        pytest.skip("a Slurm of our own needs root, to start munged, slurmctld and slurmd")
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (apt-get install slurm-wlm munge)")
    directory = tmp_path_factory.mktemp("slurm")
    for folder in ("state", "spool"):
        (directory / folder).mkdir()
    key = directory / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    host = socket.gethostname().split(".")[0]
    for name, text in configuration(directory, host).items():
        (directory / name).write_text(text)
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(directory / "slurm.conf")
    commands = {
        "munged": ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={directory}/munge.socket",
         f"--pid-file={directory}/munged.pid", f"--log-file={directory}/munged.log",
         f"--seed-file={directory}/munge.seed"],
        "slurmctld": ["slurmctld", "-D", "-i", "-f", str(directory / "slurm.conf")],
        "slurmd": ["slurmd", "-D", "-f", str(directory / "slurm.conf"), "-N", host],
    }  # fmt: skip
    cluster = Cluster(directory, commands, {})
    try:
        for name in commands:
            cluster.start(name)
            time.sleep(0.3)
        wait_until_idle(directory)
        yield cluster
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            left = slurm_says("squeue", "-h", "-o", "%i").split()
            if left:
                subprocess.run(["scancel", "--signal=KILL", "--full", *left], check=False, timeout=30)
                time.sleep(0.5)
                subprocess.run(["scancel", *left], check=False, timeout=30)
                time.sleep(1.5)
        end_jobs(directory)
        for process in reversed(cluster.daemons.values()):
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if before is None:
            del os.environ["SLURM_CONF"]
        else:
            os.environ["SLURM_CONF"] = before


@pytest.fixture(scope="session")
def ssh_profile(slurm: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A server for SSH on this machine, as the machine that has sbatch: dpdispatcher's profile to reach it."""
    server = shutil.which("sshd") or "/usr/sbin/sshd"
    if not Path(server).is_file():
        pytest.skip("not installed: sshd (apt-get install openssh-server)")
    directory, port = tmp_path_factory.mktemp("sshd"), free_port()
    Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)], check=True)
    lines = (
        f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {directory}/host_key", "StrictModes no", "UsePAM no",
        f"AuthorizedKeysFile {directory}/user_key.pub", "PasswordAuthentication no", "PermitRootLogin yes",
        f"PidFile {directory}/sshd.pid", "Subsystem sftp internal-sftp", f"SetEnv SLURM_CONF={os.environ['SLURM_CONF']}",
    )  # fmt: skip
    (directory / "sshd_config").write_text("\n".join(lines) + "\n")
    # Its log is its standard error; -D keeps it a child of ours.
    with (directory / "log").open("w") as log:
        process = subprocess.Popen([server, "-D", "-e", "-f", str(directory / "sshd_config")], stderr=log)
    try:
        wait_for_port(port)
        yield {
            "hostname": "127.0.0.1", "username": "root", "port": port, "key_filename": str(directory / "user_key"),
            "look_for_keys": False,
        }  # fmt: skip
    finally:
        process.terminate()
        process.wait()


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nothing answers at port {port}")


def end_jobs(directory: Path) -> None:
    """Kill what still runs from the cluster's spool folder, with the groups it made."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(directory / "spool").encode() in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)


def wait_until_idle(directory: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.SubprocessError):
            if slurm_says("sinfo", "-h", "-o", "%T", "-p", "cpu").strip() == "idle":
                return
        time.sleep(0.3)
    logs = "\n".join(file.read_text(errors="replace")[-800:] for file in sorted(directory.glob("*.log")))
    raise AssertionError(f"the node of the test cluster did not become idle:\n{logs}")
