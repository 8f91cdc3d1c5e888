"""What an app of Marathon has to know of the cluster, and what is said if the master does not tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparkmesos_core.errors import MesosError, TimedOutError, UnreachableError

if TYPE_CHECKING:
    from sparkmesos_core.conf.values.constraints import Constraint
    from sparkmesos_core.deployment.cluster_agents import FittingAgents
    from sparkmesos_core.master import MesosMaster, ZooKeeperMaster

    from .terminal import Terminal

_TAKEN = "are taken to hand out the ports 31000 to 32000, and to have attributes of text"


def agents_known(
    terminal: Terminal,
    master: MesosMaster | ZooKeeperMaster | None,
    principal: str | None,
    secret: str | None,
    constraints: Sequence[Constraint] = (),
    *,
    needed: bool = False,
) -> FittingAgents:
    """The agents that meet the constraints; none, with a warning, if the master does not tell.

    None, too, without a master. Raises UnreachableError, TimedOutError or MesosError instead if they are
    `needed`.
    """
    from sparkmesos_core.deployment.cluster_agents import FittingAgents, read_fitting_agents

    if master is None:
        terminal.say(f"Without --master agents {_TAKEN}")
        return FittingAgents()
    try:
        with terminal.working("Asking the master for its agents"):
            return read_fitting_agents(master, constraints, principal=principal, secret=secret)
    except (UnreachableError, TimedOutError, MesosError) as error:
        if needed:
            raise
        terminal.warn(
            f"the master does not tell what agents there are: {error.message}",
            hint=f"They {_TAKEN}.",
        )
        return FittingAgents()
