"""CPU quota and memory limit by control groups, version 1 and 2.

One parent group per endpoint, named after its process so that a later endpoint can sweep what a
killed one left; below it a group per environment. Groups are nested under the endpoint's own
group: what limits the session limits its functions too.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from pytest_lambda_ml.local.limits import PERIOD_US

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Version1", "Version2", "sweep"]

_PREFIX = "pytest-lambda-ml-"
_ROOT = Path("/sys/fs/cgroup")
_MIN_QUOTA_US = 1000
"""The kernel's smallest CPU quota."""


def _own_path(controller: str, membership: str) -> str | None:
    """This process' group for a version 1 controller, or with ``""`` for version 2.

    ``membership`` is the text of /proc/self/cgroup: lines of ``id:controllers:path``.
    """
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.lstrip("/")
    return None


def _remove(group: Path, patience_s: float = 2.0) -> None:
    """Remove a group whose processes are ending; the kernel needs a moment to let go of them."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        else:
            return


def _empty(group: Path) -> None:
    """Kill what is left in a group: also a process that has put itself into another session."""
    with contextlib.suppress(OSError):
        pids = (group / "cgroup.procs").read_text().split()
        for pid in map(int, pids):
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(pid, signal.SIGKILL)


def sweep(base: Path) -> None:
    """Remove the groups that endpoints left which are no longer alive."""
    for parent in base.glob(f"{_PREFIX}*"):
        owner = re.fullmatch(rf"{_PREFIX}(\d+)", parent.name)
        if owner is None or Path("/proc", owner[1]).exists():
            continue
        for group in (*parent.glob("*/"), parent):
            _empty(group)
            _remove(group)


class _Group(ABC):
    """The limits of one environment: a directory per controller, or one for all (version 2)."""

    def __init__(self, directories: Sequence[Path], memory_mb: int) -> None:
        self._directories = directories
        self._kills_before = 0
        for directory in directories:
            directory.mkdir()
        self._limit_memory(memory_mb * 1024 * 1024)

    def command(self, arguments: Sequence[str]) -> list[str]:
        """Enter the groups, then become the program: no moment outside the limits."""
        enter = " && ".join(
            f"echo $$ > {shlex.quote(str(directory / 'cgroup.procs'))}"
            for directory in self._directories
        )
        return ["/bin/sh", "-c", f'{enter} && exec "$@"', "sh", *arguments]

    def started(self, pid: int) -> None:  # noqa: ARG002  # the protocol's signature
        """The process entered by itself; kills of an earlier one are not its own."""
        self._kills_before = self._kills()

    def close(self) -> None:
        for directory in self._directories:
            _empty(directory)
            _remove(directory)

    def limit_cpu(self, vcpu: float | None) -> None:
        quota_us = None if vcpu is None else max(_MIN_QUOTA_US, round(PERIOD_US * vcpu))
        with contextlib.suppress(FileNotFoundError):  # the environment has ended meanwhile
            self._limit_cpu(quota_us)

    def killed_for_memory(self) -> bool:
        return self._kills() > self._kills_before

    def _kills(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            lines = self._memory_events().read_text().splitlines()
            return int(dict(line.split() for line in lines).get("oom_kill", "0"))
        return 0

    @abstractmethod
    def _limit_memory(self, limit_bytes: int) -> None: ...

    @abstractmethod
    def _limit_cpu(self, quota_us: int | None) -> None: ...

    @abstractmethod
    def _memory_events(self) -> Path: ...


class _Group1(_Group):
    def _limit_memory(self, limit_bytes: int) -> None:
        memory = self._directories[1]
        (memory / "memory.limit_in_bytes").write_text(str(limit_bytes))
        with contextlib.suppress(OSError):  # absent where swap is not accounted
            (memory / "memory.memsw.limit_in_bytes").write_text(str(limit_bytes))

    def _limit_cpu(self, quota_us: int | None) -> None:
        cpu = self._directories[0]
        if quota_us is not None:
            (cpu / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (cpu / "cpu.cfs_quota_us").write_text(str(-1 if quota_us is None else quota_us))

    def _memory_events(self) -> Path:
        return self._directories[1] / "memory.oom_control"


class _Group2(_Group):
    def _limit_memory(self, limit_bytes: int) -> None:
        (self._directories[0] / "memory.max").write_text(str(limit_bytes))
        with contextlib.suppress(OSError):  # absent where swap is not accounted
            (self._directories[0] / "memory.swap.max").write_text("0")

    def _limit_cpu(self, quota_us: int | None) -> None:
        value = "max" if quota_us is None else str(quota_us)
        (self._directories[0] / "cpu.max").write_text(f"{value} {PERIOD_US}")

    def _memory_events(self) -> Path:
        return self._directories[0] / "memory.events"


class _Parent:
    """The group, or the groups, under which an endpoint's environments live."""

    name: ClassVar[str]
    _group: ClassVar[type[_Group]]

    def __init__(self, bases: Iterable[Path]) -> None:
        self._directories = [base / f"{_PREFIX}{os.getpid()}" for base in bases]
        for base in {directory.parent for directory in self._directories}:
            sweep(base)
        for directory in self._directories:
            directory.mkdir(exist_ok=True)

    def create(self, name: str, memory_mb: int) -> _Group:
        """The limits of one environment."""
        return self._group([directory / name for directory in self._directories], memory_mb)

    def close(self) -> None:
        """Remove the parent; its environments are gone."""
        for directory in self._directories:
            for group in directory.glob("*/"):
                _remove(group)
            _remove(directory)


class Version1(_Parent):
    """cpu and memory controllers of version 1, below this process' own groups."""

    name = "cgroup-v1"
    _group = _Group1

    @classmethod
    def claim(cls, root: Path = _ROOT) -> Self:
        """Make the parent groups. Raises `OSError` where that is not allowed."""
        membership = Path("/proc/self/cgroup").read_text()
        bases = []
        for controller in ("cpu", "memory"):
            own = _own_path(controller, membership)
            if own is None or not (root / controller / own).is_dir():
                raise FileNotFoundError(f"no {controller} controller of version 1")
            bases.append(root / controller / own)
        parent = cls(bases)
        if not (parent._directories[0] / "cpu.cfs_quota_us").exists():
            parent.close()
            raise FileNotFoundError("the cpu controller has no quota")
        return parent


class Version2(_Parent):
    """The unified hierarchy: needs a writable group with the cpu and memory controllers.

    A group with processes of its own may not hand controllers down, so the processes of a
    delegated group are first moved into a leaf beside the environments' parent.
    """

    name = "cgroup-v2"
    _group = _Group2

    @classmethod
    def claim(cls, root: Path = _ROOT) -> Self:
        """Make the parent group. Raises `OSError` where that is not allowed."""
        own = _own_path("", Path("/proc/self/cgroup").read_text())
        base = root / (own or "")
        if own is None or not (base / "cgroup.controllers").is_file():
            raise FileNotFoundError("no unified hierarchy is mounted")
        offered = (base / "cgroup.controllers").read_text().split()
        if not {"cpu", "memory"} <= set(offered):
            raise FileNotFoundError("the own group has no cpu and memory controllers")
        if own:
            _move_into_leaf(base)
        (base / "cgroup.subtree_control").write_text("+cpu +memory")
        parent = cls([base])
        try:
            (parent._directories[0] / "cgroup.subtree_control").write_text("+cpu +memory")
        except OSError:
            parent.close()
            raise
        return parent


def _move_into_leaf(base: Path) -> None:
    leaf = base / "session"
    leaf.mkdir(exist_ok=True)
    for pid in (base / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (leaf / "cgroup.procs").write_text(pid)
