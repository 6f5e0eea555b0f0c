-- The first list of a pipeline that each visitor saw since $since, as the decision log has it, and
-- how many of its items were clicked within $window milliseconds. Lists that were seen after
-- $until are too young to tell.
--
-- An event names a list by the id of its page's decision and the block, or by the id of the answer.
-- Extra table: bucketing(identity, bucketing_id).
WITH named AS (
  SELECT
    e.name,
    e.timestamp,
    e.sequence,
    split_part(
      coalesce(
        json_extract_string(e.properties, '$.decision_id'),
        json_extract_string(e.properties, '$.recommendation_id'),
        ''
      ),
      '.',
      1
    ) AS decision,
    coalesce(json_extract_string(e.properties, '$.block'), '') AS block,
    json_extract_string(e.properties, '$.pipeline') AS pipeline,
    json_extract_string(e.properties, '$.item_id') AS item,
    coalesce(
      CAST(b.bucketing_id AS VARCHAR),
      CASE
        WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
        ELSE 'a:' || e.anonymous_id
      END
    ) AS unit
  FROM events AS e
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = CASE
    WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
    ELSE 'a:' || e.anonymous_id
  END
  WHERE
    e.type = 'track'
    AND e.name IN ('Recommendations Viewed', 'Recommendation Clicked')
    AND e.timestamp >= $since
),
firsts AS MATERIALIZED (
  SELECT DISTINCT ON (unit)
    unit,
    decision,
    block,
    timestamp
  FROM named
  WHERE name = 'Recommendations Viewed' AND pipeline = $pipeline
  ORDER BY unit, timestamp, sequence
),
clicked AS (
  SELECT f.unit, count(DISTINCT n.item) AS clicks
  FROM firsts AS f
  JOIN named AS n
    ON n.unit = f.unit
    AND n.decision = f.decision
    AND n.block = f.block
    AND n.timestamp >= f.timestamp
    AND n.timestamp < f.timestamp + $window
  WHERE n.name = 'Recommendation Clicked' AND n.item IS NOT NULL
  GROUP BY 1
)
SELECT
  f.timestamp <= $until AS over,
  f.block,
  d.snapshot,
  -- Whoever names another's decision is not believed.
  CASE
    WHEN coalesce(CAST(b.bucketing_id AS VARCHAR), d.bucketing_id) = f.unit
      THEN CAST(json_extract(d.body, '$.recommended') AS VARCHAR)
  END AS recommended,
  coalesce(c.clicks, 0) AS clicks
FROM firsts AS f
LEFT JOIN decisions AS d ON d.id = f.decision
LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = d.bucketing_id
LEFT JOIN clicked AS c ON c.unit = f.unit
ORDER BY f.timestamp, f.unit
