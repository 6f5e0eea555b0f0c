-- What columns of an imported file hold, before they are trusted as metrics or attributes.
-- Numbers whose squares could not be added up are none.
WITH file AS (SELECT * FROM {table}),
cells AS (
  SELECT -1 AS place, '' AS type, '' AS text WHERE FALSE
  {each columns: UNION ALL SELECT #, typeof(%), CAST(% AS VARCHAR) FROM file}
),
numbers AS (
  SELECT
    place,
    type,
    text,
    TRY_CAST(text AS DOUBLE) AS number,
    coalesce(abs(TRY_CAST(text AS DOUBLE)) < 1e100, FALSE) AS finite
  FROM cells
)
SELECT
  place,
  count(*) AS rows,
  count(text) AS present,
  count(DISTINCT text) AS distinct_values,
  count(CASE WHEN finite THEN 1 END) AS numbers,
  count(CASE
    WHEN number = 0 OR number = 1 OR TRY_CAST(text AS BOOLEAN) IS NOT NULL THEN 1
  END) AS zeros_and_ones,
  min(type) AS type,
  min(CASE WHEN NOT finite THEN text END) AS not_a_number
FROM numbers
GROUP BY place
ORDER BY place
