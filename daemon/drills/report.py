"""The outcome of drills as JSON values and as the words of a table's cells."""

from collections.abc import Mapping, Sequence
from typing import Final

from daemon.drills.drill import Drill
from daemon.drills.judgement import Result
from daemon.simulation.oracle import Invariant

MEANING: Final[Mapping[Invariant, str]] = {
    Invariant.DURABLE_INTENT: "an order is in the journal before its bytes leave",
    Invariant.ONE_ORDER: "no order is sent twice",
    Invariant.EACH_EXECUTION_ONCE: "each execution is booked once, none is lost",
    Invariant.BOOKS_AGREE: "positions and books agree with the broker's",
    Invariant.READY_BEFORE_OPENING: "nothing opens a position before all is known to agree",
    Invariant.BOUNDED: "memory, queues and delays stay bounded",
    Invariant.AUTHORISED: "no secret and no unauthorised action gets out",
    Invariant.ALERTED: "a person is told within 60 s",
    Invariant.NO_GAP: "no row of the journal is missing",
    Invariant.RECOVERS: "the daemon recovers by itself",
    Invariant.SOUND: "nothing ends in an unforeseen way",
}


def outcome(result: Result) -> str:
    """Return one word."""
    if result.skipped:
        return "skipped"
    return "did not hold" if result.broken else "held"


def matrix_rows(drill: Drill) -> str:
    """Return the rows of the fault matrix that a drill stands for."""
    return ", ".join(map(str, drill.rows))


def as_json(results: Sequence[Result]) -> dict[str, object]:
    """Return everything about some drills as JSON values."""
    return {
        "ok": not any(result.broken for result in results),
        "held": sum(outcome(result) == "held" for result in results),
        "broken": sum(bool(result.broken) for result in results),
        "skipped": sum(bool(result.skipped) for result in results),
        "drills": [_one(result) for result in results],
    }


def catalogue_as_json(drills: Sequence[Drill]) -> dict[str, object]:
    """Return what drills there are as JSON values."""
    return {"drills": [_what(drill) for drill in drills]}


def _what(drill: Drill) -> dict[str, object]:
    return {
        "name": drill.name,
        "rows": list(drill.rows),
        "goes_wrong": drill.goes_wrong,
        "injected": drill.injected,
        "looks_at": "".join(each for each in Invariant if each in drill.holds),
    }


def _one(result: Result) -> dict[str, object]:
    return {
        **_what(result.drill),
        "outcome": outcome(result),
        "held": result.held,
        "took_s": round(result.took_s, 3),
        "skipped": result.skipped or None,
        "folder": result.folder or None,
        "checks": [
            {"invariant": check.invariant.value, "held": check.held, "evidence": check.evidence}
            for check in result.checks
        ],
        "story": [
            {"host_s": round(scene.host_s, 3), "market": scene.market or None, "text": scene.text}
            for scene in result.story
        ],
    }
