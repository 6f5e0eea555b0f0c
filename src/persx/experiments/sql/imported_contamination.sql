-- How many units a file has, and how many of them it puts into more than one arm.
WITH units AS (
  SELECT {unit} AS unit, count(DISTINCT {arm}) AS arms FROM {table} GROUP BY 1
)
SELECT count(*) AS units, count(CASE WHEN arms > 1 THEN 1 END) AS contaminated FROM units
