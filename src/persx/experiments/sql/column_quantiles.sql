-- Least value, inner quantile edges and greatest value of a numeric column.
WITH cells AS (SELECT CAST({column} AS DOUBLE) AS number FROM {table} WHERE {column} IS NOT NULL)
SELECT
  min(number) AS least,
  quantile_cont(number, 0.25) AS first_quarter,
  quantile_cont(number, 0.5) AS half,
  quantile_cont(number, 0.75) AS third_quarter,
  max(number) AS greatest
FROM cells
