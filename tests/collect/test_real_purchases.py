"""Two years of real purchases come in, and every customer's profile is what SQL says it is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from persx.app.home import open_home
from persx.app.visiting import Visitor, known_of
from persx.cli import main
from persx.model.clock import DAY

ATTRIBUTES = """
orders: {type: number, source: computed, compute: {kind: count, event: Order Completed}}
revenue:
  {type: number, source: computed, compute: {kind: sum, event: Order Completed, property: revenue}}
last_product:
  type: string
  source: computed
  compute: {kind: last, event: Order Completed, property: product}
days_since_order:
  {type: number, source: computed, compute: {kind: days_since_last, event: Order Completed}}
"""

ONLINE_RETAIL = """
event: {sql: "CASE WHEN Quantity > 0 THEN 'Order Completed' ELSE 'Order Refunded' END"}
user_id: CustomerID
timestamp: InvoiceDate
properties: {product: Description, quantity: Quantity, revenue: {sql: Quantity * UnitPrice}}
"""

COMPLETE_JOURNEY = """
event: Order Completed
user_id: household_id
timestamp: {sql: min(transaction_timestamp)}
group_by: [household_id, basket_id]
message_id: basket_id
properties:
  revenue: {sql: sum(sales_value)}
  product: {sql: CAST(max(product_id) AS VARCHAR)}
"""

RETAIL_TRUTH = """
    WITH rows AS (SELECT *, file_row_number AS place FROM read_parquet($file, file_row_number=true))
    SELECT CAST(CAST(CustomerID AS BIGINT) AS VARCHAR) AS who, count(*), sum(Quantity * UnitPrice),
        arg_max(Description, (InvoiceDate, place)) FILTER (Description IS NOT NULL),
        epoch_ms(max(InvoiceDate))
    FROM rows WHERE CustomerID IS NOT NULL AND Quantity > 0 GROUP BY who
"""

JOURNEY_TRUTH = """
    WITH orders AS (
        SELECT household_id, basket_id, sum(sales_value) AS revenue, max(product_id) AS product,
            min(transaction_timestamp) AS happened
        FROM read_parquet($file) GROUP BY household_id, basket_id
    )
    SELECT CAST(household_id AS VARCHAR) AS who, count(*), sum(revenue),
        CAST(arg_max(product, (happened, CAST(basket_id AS VARCHAR))) AS VARCHAR),
        epoch_ms(max(happened))
    FROM orders GROUP BY who
"""


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "mapping", "truth", "told"),
    [
        (
            "purchases/online_retail.parquet",
            ONLINE_RETAIL,
            RETAIL_TRUTH,
            ("541,909 rows", "406,829", "135,080 that name nobody"),
        ),
        (
            "purchases/complete_journey/transactions.parquet",
            COMPLETE_JOURNEY,
            JOURNEY_TRUTH,
            ("1,469,307 rows",),
        ),
    ],
)
async def test_every_customer_is_as_sql_says(
    data_folder: Path, tmp_path: Path, name: str, mapping: str, truth: str, told: tuple[str, ...]
) -> None:
    file, home, workspace = data_folder / name, tmp_path / "home", tmp_path / "workspace"
    if not file.exists():
        pytest.skip(f"{name} is not among the data sets")
    workspace.mkdir()
    (workspace / "settings.yaml").write_text("name: Shop\n")
    (workspace / "attributes.yaml").write_text(ATTRIBUTES)
    (tmp_path / "map.yaml").write_text(mapping)

    def run(*arguments: object) -> str:
        result = CliRunner().invoke(main, [*map(str, arguments), "--home", str(home)])
        assert result.exit_code == 0, result.output
        return result.output

    await asyncio.to_thread(run, "push", workspace)
    await asyncio.to_thread(run, "publish")
    output = await asyncio.to_thread(run, "import", "parquet", file, "--map", tmp_path / "map.yaml")
    for part in told:
        assert part in output
    expected: list[tuple[Any, ...]] = (
        duckdb.connect().execute(truth, {"file": str(file)}).fetchall()
    )
    assert len(expected) > 2_000
    async with open_home(home, read_only=True) as services:
        plan = services.publication.plan
        assert plan is not None
        now = services.clock()
        for who, orders, revenue, product, last in expected:
            profile = await known_of(services, plan, Visitor(user_id=who, trusted=True))
            known = profile.attributes
            assert known["orders"] == orders, who
            assert known["revenue"] == pytest.approx(revenue, rel=1e-9, abs=1e-5), who
            assert known["last_product"] == product, who
            assert known["days_since_order"] == pytest.approx((now - last) / DAY, abs=1.01), who
