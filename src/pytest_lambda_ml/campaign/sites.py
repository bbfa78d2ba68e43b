"""The places of one session: one, or one for each of its regions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_lambda_ml.campaign.site import Site, ledger_name
from pytest_lambda_ml.campaign.teardown import purge_hint
from pytest_lambda_ml.errors import BackendError, DeploymentError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_lambda_ml.aws.ledger import Resource
    from pytest_lambda_ml.campaign.backend import Backend
    from pytest_lambda_ml.campaign.clock import Clock

__all__ = ["Sites"]


class Sites:
    """A `Site` for each backend, the first of which is where a cell runs that names no region."""

    def __init__(
        self,
        backends: Sequence[Backend],
        run_dir: Path,
        *,
        run_id: str,
        created_s: float,
        clock: Clock,
    ) -> None:
        self._run_id = run_id
        self._home = backends[0].region
        self._sites = {
            each.region: Site(
                each,
                run_dir / ledger_name(each.region if len(backends) > 1 else None),
                run_id=run_id,
                created_s=created_s,
                clock=clock,
            )
            for each in backends
        }

    def at(self, region: str | None) -> Site:
        """Where a cell runs. Raises `DeploymentError` for a region that the session has not."""
        region = region or self._home
        if region not in self._sites:
            raise DeploymentError(
                f"this session has no region {region}; it has {', '.join(self._sites)}"
            )
        return self._sites[region]

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions, the first backend's first."""
        return tuple(self._sites)

    @property
    def kept(self) -> dict[str, tuple[Resource, ...]]:
        """What stays on purpose for the next run, region by region; complete once cleared."""
        return {region: site.kept for region, site in self._sites.items() if site.kept}

    def clear(self) -> list[str]:
        """Delete everything that is still there, in reverse; what could not be deleted.

        A Ctrl-C meanwhile prints how to finish the work later.
        """
        problems = []
        sites = self._sites.values()
        try:
            # All are cleared before any is checked: some endpoints list every region's buckets.
            for step in (*(s.clear for s in sites), *(s.check_cleared for s in sites)):
                try:
                    step()
                except BackendError as error:
                    problems.append(str(error))
        except KeyboardInterrupt:
            sys.stderr.write(
                f"\nResources of run {self._run_id} may be left. To delete them: "
                f"{purge_hint(self._run_id)}\n"
            )
            raise
        return problems
