-- The same as imported_rows, where several rows of the file may belong to one unit: conversions
-- count once, other metrics are added up. A unit that is in two arms is left out: a file has no
-- time that would say which came first.
WITH units AS (
  SELECT
    min(CAST({arm} AS VARCHAR)) AS arm
    {each plain: , CASE
      WHEN count(DISTINCT %) > 1 THEN '(several)'
      ELSE coalesce(min(CAST(% AS VARCHAR)), '(unknown)')
    END AS plain#}
    {each measured: , CASE WHEN count(DISTINCT %) = 1 THEN min(CAST(% AS DOUBLE)) END AS measured#
    , count(DISTINCT %) > 1 AS several#}
    {each conversions: , max(
      coalesce(TRY_CAST(% AS DOUBLE), CAST(TRY_CAST(% AS BOOLEAN) AS DOUBLE))
    ) AS conversion#}
    {each means: , sum(CAST(% AS DOUBLE)) AS mean#}
  FROM {table}
  GROUP BY CAST({unit} AS VARCHAR)
  HAVING count(DISTINCT {arm}) = 1
),
placed AS (
  SELECT
    u.*
    {each measured: , CASE
      WHEN u.several# THEN '(several)' ELSE coalesce(b#.label, '(unknown)')
    END AS range#}
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
  {each conversions: , sum(conversion#), sum(conversion# * conversion#)}
  {each means: , sum(mean#), sum(mean# * mean#)}
FROM placed
GROUP BY GROUPING SETS (
  (arm)
  {each plain: , (arm, plain#)}
  {each measured: , (arm, range#)}
)
