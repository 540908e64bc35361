import pytest

from rostra import errors
from rostra.client.problems import error


@pytest.mark.parametrize("kind", [errors.Conflict, errors.BadToken, errors.BusUnavailable, errors.Forbidden])
def test_a_problem_becomes_the_error_it_was_made_from(kind: type[errors.RostraError]) -> None:
    made = error(kind.status, kind("A sentence.").problem())
    assert (type(made), str(made)) == (kind, "A sentence.")


def test_errors_that_build_their_sentence_keep_the_one_that_was_said() -> None:
    made = error(503, errors.CatalogUnavailable().problem())
    assert isinstance(made, errors.CatalogUnavailable)
    assert "catalog" in str(made)
    waiting = error(429, errors.TooMany("Wait.", 1).problem(), "7")
    assert isinstance(waiting, errors.TooMany)
    assert waiting.retry_after_s == 7


def test_what_is_none_of_ours_goes_by_its_status() -> None:
    assert isinstance(error(404, {}), errors.NotFound)
    assert "status 502" in str(error(502, ["?"]))
