"""Nobody takes the room of everybody."""

import pytest

from graph.crowding import Crowding
from kit.settings import load_settings


@pytest.fixture
def crowding() -> Crowding:
    return Crowding(load_settings(sockets_per_buyer=2, sockets_per_address=3))


def test_an_address_gets_as_many_as_it_may_and_one_more_when_one_is_closed(
    crowding: Crowding,
) -> None:
    assert [crowding.let_address_in("10.0.0.1") for _ in range(4)] == [True, True, True, False]
    assert crowding.let_address_in("10.0.0.2")
    crowding.leave_address("10.0.0.1")
    assert crowding.let_address_in("10.0.0.1")
    assert not crowding.let_address_in("10.0.0.1")


def test_a_buyer_gets_as_many_as_they_may_wherever_they_are(crowding: Crowding) -> None:
    assert [crowding.let_buyer_in("usr_1") for _ in range(3)] == [True, True, False]
    assert crowding.let_buyer_in("usr_2")
    crowding.leave_buyer("usr_1")
    assert crowding.let_buyer_in("usr_1")


def test_what_was_never_taken_cannot_be_given_back(crowding: Crowding) -> None:
    with pytest.raises(AssertionError):
        crowding.leave_buyer("usr_1")
