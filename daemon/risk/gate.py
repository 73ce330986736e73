"""The gate: applies every control to an intent. The only builder of `Approved`."""

from daemon.domain.order import Approved, CheckResult, OrderIntent, Refused, Verdict
from daemon.risk.controls import CONTROLS
from daemon.risk.view import RiskView


def gate(intent: OrderIntent, view: RiskView) -> Verdict:
    """Return `Approved` when every control passes; else `Refused`, ending with the first check that failed."""
    checks: list[CheckResult] = []
    for control in CONTROLS:
        for check in control(intent, view):
            checks.append(check)
            if not check.passed:
                return Refused(intent=intent, checks=tuple(checks))
    return Approved(intent=intent, checks=tuple(checks))
