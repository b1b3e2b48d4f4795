"""No statement of a hot path reads a table that grows, nor does more the more there is."""

import pytest

from tests.growth.conftest import GROWTH
from tests.growth.explained import Asked, Plan, Tape, explain
from tests.growth.hot_paths import PATHS

# Tortoise, which builds one of the statements, is set up by them.
pytestmark = pytest.mark.usefixtures("resources")

# Rows that a statement may look at: a page of a tenth of all deals, a batch with its lines.
MOST_ROWS = 400
# Each look-up may go through an index that is higher by a level or two, and to a page of its own.
MOST_TIMES = 3
SPARE_PAGES = 64


async def plans(tape: Tape, name: str) -> list[tuple[Asked, Plan]]:
    async with tape.taping() as asked:
        await PATHS[name](tape)
    return [(one, await explain(tape.connection, one)) for one in asked]


@pytest.mark.parametrize("name", PATHS)
async def test_no_statement_reads_a_growing_table_whole(name: str, large: Tape) -> None:
    for asked, plan in await plans(large, name):
        assert not plan.read_whole, asked.name
        assert plan.rows <= MOST_ROWS, asked.name


@pytest.mark.parametrize("name", PATHS)
async def test_a_hundred_times_as_much_costs_hardly_more(
    name: str, small: Tape, large: Tape
) -> None:
    before, after = await plans(small, name), await plans(large, name)
    assert [asked.query for asked, _ in before] == [asked.query for asked, _ in after]
    assert before, "nothing was asked"
    for (asked, few), (_, many) in zip(before, after, strict=True):
        assert many.pages <= MOST_TIMES * few.pages + SPARE_PAGES, (GROWTH, asked.name)
