"""An error that crosses the bus: RFC 9457 members in, the same exception out."""

from __future__ import annotations

from typing import Any

from rostra.errors import Full, RostraError, StageUnavailable, Unavailable


def _tree(kind: type[RostraError]) -> dict[str, type[RostraError]]:
    found = {kind.slug: kind}
    for child in kind.__subclasses__():
        found = {**_tree(child), **found}
    return found


def problem_of(error: RostraError) -> dict[str, Any]:
    """What is sent for ``error``. ``retry_after_s`` is our extension member (RFC 9457, section 3.2)."""
    body = error.problem()
    if isinstance(error, Full):
        body["retry_after_s"] = error.retry_after_s
    return body


def error_of(problem: Any) -> RostraError:
    """The exception that ``problem`` was made from. One that we do not know is theirs and a fault: RostraError."""
    if not isinstance(problem, dict):
        return RostraError("the answer from the bus is not one")
    detail = str(problem.get("detail") or problem.get("title") or "no reason was given")
    slug = str(problem.get("type", "")).removeprefix("urn:rostra:problem:")
    kind = _tree(RostraError).get(slug, RostraError)
    try:
        if issubclass(kind, Full):
            return kind(detail, float(problem.get("retry_after_s", 5.0)))
        return kind(detail)
    except (TypeError, ValueError):  # an exception that wants more than a sentence (PortInUse): its sentence is enough
        return RostraError(detail)


def silence(subject: str, reason: str) -> Unavailable:
    """The error for a request that nobody answered."""
    if subject.startswith("stage."):
        return StageUnavailable(f"The stage of room {subject.split('.')[1]} {reason}. Try again in a few seconds.")
    return Unavailable(f"{subject} {reason}. Try again in a few seconds.")
