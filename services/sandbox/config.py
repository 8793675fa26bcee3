"""What sandbox can be told from outside."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from services.kit.config import MeshSettings
from services.sandbox.domain import Limits

MIB = 1024 * 1024


class Settings(MeshSettings):
    """Sandbox's settings. Sizes in MiB."""

    service: ClassVar[str] = "sandbox"
    required: ClassVar[tuple[str, ...]] = ("database_url",)

    allow_unsafe_sandbox: bool = False
    """Run commands even where this machine cannot isolate them, and say so in every answer."""

    mesh_sandbox_succeeds: bool = False
    """Start while another service has the data directory; calls wait for its end. False: refuse to start then."""

    mesh_sandbox_bwrap: Path | None = None
    """The bubblewrap to use. Unset: the system's if it is at least 0.8, else the bundled one."""

    mesh_sandbox_cgroups: bool = True
    """Limit by cgroup where that is possible. False: by rlimit, which holds less."""

    mesh_sandbox_network: bool = False
    """Give commands the host's network, its loopback included: only where nothing there trusts its neighbours."""

    mesh_sandbox_uid_base: int = Field(default=2_000_000_000, ge=1000)
    """First of the uids that sandboxes run as when the service is root. Nobody else may use the range."""

    mesh_sandbox_uid_count: int = Field(default=65_536, ge=1)
    """Size of that range: the most sandboxes of this machine."""

    mesh_sandbox_memory_mib: int = Field(default=1024, ge=64)
    """Memory of a sandbox, /tmp included; without cgroups, address space of each process."""

    mesh_sandbox_processes: int = Field(default=256, ge=8)
    """Processes and threads of a sandbox; without cgroups, of each command."""

    mesh_sandbox_cpus: float = Field(default=1.0, gt=0)
    """Cores of a sandbox. Held by cgroups alone."""

    mesh_sandbox_disk_mib: int = Field(default=2048, ge=1)
    """Size of a workspace."""

    mesh_sandbox_inodes: int = Field(default=200_000, ge=100)
    """Files and directories of a workspace."""

    mesh_sandbox_file_mib: int = Field(default=512, ge=1)
    """Largest file that a command may write or a caller may upload."""

    mesh_sandbox_tmp_mib: int = Field(default=256, ge=1)
    """Size of each command's own /tmp, which is memory."""

    mesh_sandbox_open_files: int = Field(default=1024, ge=32)
    """Open files of a process."""

    mesh_sandbox_cpu_s: int = Field(default=3600, ge=1)
    """Seconds of CPU of a process."""

    mesh_sandbox_commands: int = Field(default=16, ge=1)
    """Commands of a sandbox at once."""

    mesh_sandbox_output_mib: int = Field(default=8, ge=1)
    """Kept output of a command; what comes after is dropped."""

    mesh_sandbox_outputs_mib: int = Field(default=64, ge=0)
    """Kept output of all ended commands of a sandbox; the oldest goes first."""

    mesh_sandbox_reserve_mib: int = Field(default=256, ge=0)
    """Commands are killed when the disk below MESH_DATA_DIR has less than this left."""

    mesh_sandbox_history_mib: int = Field(default=256, ge=1)
    """All versions of a workspace's files; the oldest go. One version holds half of it at most."""

    mesh_sandbox_history_file_mib: int = Field(default=8, ge=1)
    """Largest file whose versions are kept."""

    mesh_sandbox_history_files: int = Field(default=10_000, ge=1)
    """Most files of a version."""

    mesh_sandbox_history_pause_s: float = Field(default=1.0, ge=0)
    """Seconds after a change until a version is made of it, and of all that changed meanwhile."""

    mesh_sandbox_idle_s: float = Field(default=900.0, gt=0)
    """Seconds without use after which a sandbox is stopped."""

    mesh_sandbox_kept_days: float = Field(default=30.0, gt=0)
    """Days for which ended commands and their output are known by key."""

    mesh_sandbox_upload_s: float = Field(default=600.0, gt=0)
    """Seconds for which announced uploads count as pending, unless somebody says that they are done."""

    mesh_sandbox_access_cache_s: float = Field(default=5.0, ge=0)
    """Seconds for which an answer of threads about who may see a project is believed."""

    @property
    def limits(self) -> Limits:
        """What each sandbox may use."""
        return Limits(
            memory_bytes=self.mesh_sandbox_memory_mib * MIB,
            processes=self.mesh_sandbox_processes,
            cpus=self.mesh_sandbox_cpus,
            disk_bytes=self.mesh_sandbox_disk_mib * MIB,
            inodes=self.mesh_sandbox_inodes,
            file_bytes=self.mesh_sandbox_file_mib * MIB,
            tmp_bytes=self.mesh_sandbox_tmp_mib * MIB,
            open_files=self.mesh_sandbox_open_files,
            cpu_seconds=self.mesh_sandbox_cpu_s,
            concurrent_commands=self.mesh_sandbox_commands,
        )
