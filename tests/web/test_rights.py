"""The console's table of rights is that of the project."""

from __future__ import annotations

import re

import pytest

from rostra import permissions
from rostra.permissions import Action
from rostra.units import Role
from tests.web.stub import DIST

TABLE = (DIST.parent / "src" / "console" / "rights.ts").read_text()


def _named(table: str) -> set[Action]:
    found = re.search(rf"const {table} = \[(.*?)\] as const", TABLE, re.DOTALL)
    assert found, table
    return {Action[name] for name in re.findall(r'"(\w+)"', found[1])}


@pytest.mark.parametrize(
    ("role", "tables"),
    [
        (Role.SPEAKER, ("SPEAKER",)),
        (Role.COHOST, ("SPEAKER", "COHOST")),
        (Role.HOST, ("SPEAKER", "COHOST", "HOST")),
    ],
)
def test_each_role(role: Role, tables: tuple[str, ...]) -> None:
    shown = set().union(*(_named(table) for table in tables))
    assert shown == permissions.MAY[role] - permissions.MAY[Role.LISTENER]
