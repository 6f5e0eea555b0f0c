-- Sessions of a day whose visitor's industry was known in an earlier session, and those that still
-- know it. Parameters: $before, $begin, $end (milliseconds), $gap. Extra table: readers(page),
-- the pages whose log says the industry.
WITH rows AS (
  SELECT
    d.bucketing_id AS visitor,
    d."at" AS moment,
    json_extract_string(d.body, '$.attributes.industry') AS industry
  FROM decisions AS d
  JOIN readers AS r ON r.page = d.page
  WHERE d."at" >= $before AND d."at" < $end
),
marked AS (
  SELECT
    moment,
    industry,
    moment - lag(moment) OVER (PARTITION BY visitor ORDER BY moment) AS pause,
    count(industry) OVER (
      PARTITION BY visitor ORDER BY moment ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS known_before
  FROM rows
)
SELECT
  count(*) AS returning,
  count(industry) AS retained
FROM marked
WHERE moment >= $begin AND pause >= $gap AND known_before > 0
