import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rostra.errors import BadToken, Forbidden
from rostra.studio.rights import Rights
from rostra.units import Role, WallTime
from rostra.wire.tokens import Claims, sign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OPERATOR = "o" * 43
RIGHTS = Rights(OPERATOR, KEY.public_key(), lambda: WallTime(1e9))
HOST = f"Bearer {sign(Claims('main', Role.HOST, '', 'host', 2_000_000_000), KEY)}"
SPEAKER = f"Bearer {sign(Claims('main', Role.SPEAKER, '', 'speaker', 2_000_000_000), KEY)}"


@pytest.mark.parametrize("field", [None, "", "Bearer", "Bearer  ", "Basic abc", "bear abc", "Bearer " + "x" * 5000])
def test_no_bearer_token(field: str | None) -> None:
    with pytest.raises(BadToken):
        RIGHTS.token(field)


def test_the_scheme_is_case_insensitive() -> None:  # RFC 9110, 11.1
    assert RIGHTS.is_operator(f"bEARER {OPERATOR}")


def test_the_operator() -> None:
    RIGHTS.need_operator(f"Bearer {OPERATOR}")
    with pytest.raises(BadToken, match="not the operator's token"):
        RIGHTS.need_operator("Bearer nonsense")
    with pytest.raises(BadToken):
        RIGHTS.need_operator("Bearer \u00e9")
    with pytest.raises(Forbidden, match="Only an operator"):
        RIGHTS.need_operator(HOST)


def test_links_and_their_roles() -> None:
    assert RIGHTS.need_link(HOST, "main", Role.HOST).role is Role.HOST
    with pytest.raises(Forbidden, match="a speaker's link; it takes a host or cohost's"):
        RIGHTS.need_link(SPEAKER, "main", Role.HOST, Role.COHOST)
    with pytest.raises(BadToken, match="another room"):
        RIGHTS.need_link(HOST, "other", Role.HOST)


def test_the_operator_may_what_links_may() -> None:
    RIGHTS.need_operator_or(f"Bearer {OPERATOR}", "anything", Role.HOST)
    RIGHTS.need_operator_or(HOST, "main", Role.HOST)
    with pytest.raises(Forbidden):
        RIGHTS.need_operator_or(SPEAKER, "main", Role.HOST)
