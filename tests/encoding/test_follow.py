import numpy as np
import pytest

from rostra.encoding.follow import Follow
from rostra.units import MediaTime, PcmFrame


def test_the_start_is_kept_and_gaps_are_refused() -> None:
    follow = Follow()
    silent = np.zeros(960, np.int16)
    assert follow.start is None
    assert follow.accept(PcmFrame(MediaTime(4800), silent)) == 4800
    assert follow.accept(PcmFrame(MediaTime(5760), silent)) == 4800
    with pytest.raises(ValueError, match="expects the frame at 6720, not at 7680"):
        follow.accept(PcmFrame(MediaTime(7680), silent))
