-- Sums of all metrics by arm, and by arm and each attribute, where each row of the file is a unit.
-- `bins(attribute, label, low, high)` names the ranges of measured attributes, by their place.
WITH units AS (
  SELECT
    CAST({arm} AS VARCHAR) AS arm
    {each plain: , coalesce(CAST(% AS VARCHAR), '(unknown)') AS plain#}
    {each measured: , CAST(% AS DOUBLE) AS measured#}
    {each metrics: , coalesce(TRY_CAST(% AS DOUBLE), CAST(TRY_CAST(% AS BOOLEAN) AS DOUBLE)) AS metric#}
  FROM {table}
),
placed AS (
  SELECT
    u.*
    {each measured: , coalesce(b#.label, '(unknown)') AS range#}
  FROM units AS u
  {each measured: LEFT JOIN bins AS b#
    ON b#.attribute = # AND u.measured# >= b#.low
    AND u.measured# < coalesce(b#.high, 'infinity'::DOUBLE)}
)
SELECT
  arm
  {each plain: , CASE WHEN grouping(plain#) = 0 THEN plain# END}
  {each measured: , CASE WHEN grouping(range#) = 0 THEN range# END}
  , count(*) AS n
  {each metrics: , sum(metric#), sum(metric# * metric#)}
FROM placed
GROUP BY GROUPING SETS (
  (arm)
  {each plain: , (arm, plain#)}
  {each measured: , (arm, range#)}
)
