from __future__ import annotations

import pytest

from benchmarks.offer_cycle import OfferCycle


@pytest.mark.parametrize(("fits", "launched"), [(True, 6), (False, 0)])
def test_each_batch_launches_what_it_is_said_to(fits, launched):
    cycle = OfferCycle(20, 3, fits=fits)
    assert [cycle(), cycle()] == [launched] * 2


def test_a_queue_that_is_too_short_is_not_measured():
    cycle = OfferCycle(5, 3, fits=True)
    with pytest.raises(RuntimeError, match="5 drivers were launched instead of 6"):
        cycle()
