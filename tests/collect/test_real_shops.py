"""Two real shops come in: recency, frequency, money, last category and replenishment are what SQL
says, for every third customer, on the day after the last purchase. (Whole shops come in beside.)
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from persx.app.home import open_home
from persx.cli import main
from persx.model.attribute import Purpose
from persx.model.clock import DAY
from persx.model.event import user_key
from persx.testing import see
from persx.visitors.computed.replenishment import MOST_PURCHASES

ATTRIBUTES = """
orders: {type: number, source: computed, compute: {kind: count, event: Order Completed}}
revenue:
  {type: number, source: computed, compute: {kind: sum, event: Order Completed, property: revenue}}
days: {type: number, source: computed, compute: {kind: days_since_last, event: Order Completed}}
last_category:
  type: string
  source: computed
  compute: {kind: last, event: Order Completed, property: categories}
due:
  type: strings
  source: computed
  compute: {kind: replenishment, event: Order Completed, property: categories}
interval:
  type: number
  source: computed
  compute:
    {kind: replenishment, event: Order Completed, property: categories, options: {of: CATEGORY}}
days_left:
  type: number
  source: computed
  compute:
    kind: replenishment
    event: Order Completed
    property: categories
    options: {of: CATEGORY, value: days_left}
recency: {type: number, source: derived, cases: {3: days <= 30, 2: days <= 90, 1: days >= 0}}
frequency: {type: number, source: derived, cases: {3: orders >= 60, 2: orders >= 9, 1: orders > 0}}
monetary: {type: number, source: derived, cases: {3: revenue >= 2000, 2: revenue >= 500, 1: ''}}
stage: {source: derived, cases: {lapsed: days > 180, customer: orders > 0, anonymous: ''}}
"""

RETAIL = """
event: {sql: "CASE WHEN Quantity > 0 THEN 'Order Completed' ELSE 'Order Refunded' END"}
user_id: CustomerID
timestamp: InvoiceDate
properties:
  categories: {sql: "nullif(regexp_extract(Description, '(\\\\w+)\\\\W*$', 1), '')"}
  revenue: {sql: Quantity * UnitPrice}
"""

RETAIL_ORDERS = """
    SELECT CAST(CAST(CustomerID AS BIGINT) AS VARCHAR) AS who, InvoiceDate AS happened,
        file_row_number AS place, Quantity * UnitPrice AS revenue,
        [nullif(regexp_extract(Description, '(\\w+)\\W*$', 1), '')] AS categories
    FROM read_parquet($file, file_row_number = true)
    WHERE CustomerID IS NOT NULL AND Quantity > 0
"""

JOURNEY = """
event: Order Completed
user_id: household_id
timestamp: {sql: min(transaction_timestamp)}
group_by: [household_id, basket_id]
message_id: basket_id
properties:
  revenue: {sql: sum(sales_value)}
  categories: {sql: list_sort(list(DISTINCT product_category))}
"""

JOURNEY_ORDERS = """
    SELECT CAST(household_id AS VARCHAR) AS who, min(transaction_timestamp) AS happened,
        CAST(basket_id AS VARCHAR) AS place, sum(sales_value) AS revenue,
        list_sort(list(DISTINCT product_category)) AS categories
    FROM read_parquet($file) GROUP BY household_id, basket_id
"""

CUSTOMERS = """
    SELECT who, count(*), sum(revenue), epoch_ms(max(happened)),
        arg_max(categories[1], (happened, place)) FILTER (categories[1] IS NOT NULL)
    FROM orders GROUP BY who
"""

# The state keeps so many pairs of day and category: no customer of a shop loses more than the
# oldest, and the truth here is told the same.
PURCHASES = f"""
    WITH days AS (
        SELECT DISTINCT who, unnest(categories) AS category, epoch_ms(happened) // {DAY} AS day
        FROM orders
    ), kept AS (
        SELECT * FROM days WHERE category IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY who ORDER BY day DESC, category DESC)
            <= {MOST_PURCHASES}
    ), gaps AS (
        SELECT *, day - lag(day) OVER (PARTITION BY who, category ORDER BY day) AS gap FROM kept
    )
    SELECT who, category, max(day), median(gap) FROM gaps
    GROUP BY who, category HAVING count(*) > 1
"""

ONE_CATEGORY = f"""
    WITH days AS (
        SELECT DISTINCT who, epoch_ms(happened) // {DAY} AS day
        FROM orders WHERE list_contains(categories, $category)
    ), kept AS (
        SELECT * FROM days
        QUALIFY row_number() OVER (PARTITION BY who ORDER BY day DESC) <= {MOST_PURCHASES}
    ), gaps AS (SELECT *, day - lag(day) OVER (PARTITION BY who ORDER BY day) AS gap FROM kept)
    SELECT who, median(gap), max(day) FROM gaps GROUP BY who HAVING count(*) > 1
"""


def every_third(source: Path, file: Path, *, retail: bool) -> None:
    """Write the purchases of every third customer, with the category of each product.

    The journey's categories stand in a file of their own.
    """
    rows = (
        f"SELECT * FROM '{source}' WHERE CustomerID % 3 = 0"
        if retail
        else f"""SELECT t.*, p.product_category FROM '{source}/transactions.parquet' AS t
            LEFT JOIN '{source}/products.parquet' AS p USING (product_id)
            WHERE household_id % 3 = 0"""
    )
    duckdb.connect().execute(f"COPY ({rows}) TO '{file}'")


@pytest.mark.anyio
@pytest.mark.parametrize("shop", ["online_retail", "complete_journey"])
async def test_every_third_customer_is_as_sql_says(
    data_folder: Path, tmp_path: Path, shop: str
) -> None:
    retail = shop == "online_retail"
    source = data_folder / "purchases" / (f"{shop}.parquet" if retail else shop)
    if not source.exists():
        pytest.skip(f"purchases/{source.name} is not among the data sets")
    file = tmp_path / "purchases.parquet"
    every_third(source, file, retail=retail)
    category = "BAG" if retail else "FLUID MILK PRODUCTS"
    home, workspace = tmp_path / "home", tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "settings.yaml").write_text("name: Shop\n")
    (workspace / "attributes.yaml").write_text(ATTRIBUTES.replace("CATEGORY", category))
    (tmp_path / "map.yaml").write_text(RETAIL if retail else JOURNEY)

    def run(*arguments: object) -> None:
        result = CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)])
        assert result.exit_code == 0, result.output

    await asyncio.to_thread(run, "push", workspace)
    await asyncio.to_thread(run, "publish")
    await asyncio.to_thread(run, "import", "parquet", file, "--map", tmp_path / "map.yaml")

    sql = duckdb.connect()
    orders = RETAIL_ORDERS if retail else JOURNEY_ORDERS
    sql.execute(f"CREATE TABLE orders AS {orders}", {"file": str(file)})
    customers: list[tuple[Any, ...]] = sql.execute(CUSTOMERS).fetchall()
    now = max(last for *_, last, _ in customers) + DAY
    today = now // DAY
    one = {
        who: (interval, last + interval - today)
        for who, interval, last in sql.execute(ONE_CATEGORY, {"category": category}).fetchall()
    }
    due: dict[str, list[tuple[float, str]]] = {}
    for who, name, last, gap in sql.execute(PURCHASES).fetchall():
        if last + gap <= today:
            due.setdefault(who, []).append((last + gap, name))
    assert len(customers) > 700
    assert len(one) > 200
    assert sum(map(len, due.values())) > 2_000

    async with open_home(home, read_only=True) as services:
        plan = services.publication.plan
        assert plan is not None
        for who, count, revenue, last, last_category in customers:
            states = await see(services.store).states(user_key(who))
            known = plan.assembler.assemble(states, now, granted=frozenset(Purpose)).attributes
            days = (now - last) // DAY
            assert known["orders"] == count, who
            assert known["revenue"] == pytest.approx(revenue, rel=1e-9, abs=1e-5), who
            assert known["days"] == days, who
            assert known.get("last_category") == last_category, who
            assert known["recency"] == (3 if days <= 30 else 2 if days <= 90 else 1), who
            assert known["frequency"] == (3 if count >= 60 else 2 if count >= 9 else 1), who
            money = round(revenue, 6)
            assert known["monetary"] == (3 if money >= 2_000 else 2 if money >= 500 else 1), who
            assert known["stage"] == ("lapsed" if days > 180 else "customer"), who
            assert known["due"] == [name for _, name in sorted(due.get(who, []))], who
            interval, days_left = one.get(who, (None, None))
            assert known.get("interval") == interval, who
            assert known.get("days_left") == days_left, who
