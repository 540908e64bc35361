"""Loss of the last seconds."""

from rostra.stage.loss import LOSS_S, Loss
from rostra.units import Monotonic


def test_a_bad_minute_shows_and_is_over_when_it_is_over() -> None:
    loss, packets, lost = Loss(), 0, 0
    seen = []
    for second in range(7200):
        bad = 3600 <= second < 3660
        packets, lost = packets + (40 if bad else 50), lost + (10 if bad else 0)
        loss.take(packets, lost, Monotonic(float(second)))
        seen.append(loss.percent(packets, lost))
    assert seen[3599] == 0 and seen[3659] == 20.0 and seen[3660 + int(LOSS_S)] == 0
    assert len(loss._counted) <= LOSS_S + 2


def test_the_first_packets_and_a_stream_that_begins_anew() -> None:
    loss = Loss()
    assert loss.percent(0, 0) == 0 and loss.percent(50, 50) == 50.0
    loss.take(1000, 500, Monotonic(1.0))
    assert loss.percent(10, 0) == 0
    loss.take(10, 0, Monotonic(2.0))
    assert loss.percent(20, 10) == 50.0
    assert loss.percent(20, -5) == 0, "more came than were sent: some came twice"
