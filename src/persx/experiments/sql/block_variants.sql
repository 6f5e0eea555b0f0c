-- Visitors who saw each variant of each block, and how many of them reached the goal afterwards.
--
-- A page counts once it was confirmed: by its page view, or by an exposure that names its decision.
-- Extra tables: bucketing, goals and conditions, as for live_groups.
WITH confirmed AS (
  SELECT split_part(e.message_id, ':', 1) AS decision
  FROM events AS e
  WHERE e.type = 'page' AND e.message_id LIKE '%:page'
  UNION
  SELECT split_part(json_extract_string(e.properties, '$.decision_id'), '.', 1)
  FROM events AS e
  WHERE e.type = 'track' AND e.name = 'Experiment Viewed'
),
lines AS (
  SELECT
    coalesce(CAST(b.bucketing_id AS VARCHAR), d.bucketing_id) AS unit,
    d."at" AS seen,
    json_extract(d.body, '$.decisions[*]') AS decisions
  FROM decisions AS d
  JOIN confirmed AS c ON c.decision = d.id
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = d.bucketing_id
),
shown AS (
  SELECT unit, seen, unnest(decisions) AS decision FROM lines
),
viewers AS MATERIALIZED (
  SELECT
    unit,
    json_extract_string(decision, '$[0]') AS block,
    json_extract_string(decision, '$[1]') AS variant,
    min(seen) AS seen
  FROM shown
  GROUP BY 1, 2, 3
),
known AS (
  SELECT DISTINCT unit FROM viewers
),
candidates AS (
  SELECT
    g.goal,
    e.properties,
    e.timestamp,
    e.sequence,
    CASE
      WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
      ELSE 'a:' || e.anonymous_id
    END AS identity,
    'a:' || e.anonymous_id AS device
  FROM events AS e
  JOIN goals AS g
    ON CASE WHEN e.type = 'track' THEN e.name ELSE e.type END = g.event
),
failed AS (
  SELECT DISTINCT k.goal, k.sequence
  FROM candidates AS k
  JOIN conditions AS c ON c.goal = k.goal
  WHERE NOT coalesce(
    CASE c.kind
      WHEN 'number' THEN
        json_type(k.properties, c.path) IN ('UBIGINT', 'BIGINT', 'DOUBLE')
        AND TRY_CAST(json_extract_string(k.properties, c.path) AS DOUBLE) = c.number
      WHEN 'boolean' THEN
        json_type(k.properties, c.path) = 'BOOLEAN'
        AND json_extract_string(k.properties, c.path) = c.text
      ELSE
        json_type(k.properties, c.path) = 'VARCHAR'
        AND json_extract_string(k.properties, c.path) = c.text
    END,
    FALSE
  )
),
reached AS (
  SELECT coalesce(u.unit, d.unit) AS unit, max(k.timestamp) AS latest
  FROM candidates AS k
  LEFT JOIN failed AS f ON f.goal = k.goal AND f.sequence = k.sequence
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = k.identity
  LEFT JOIN bucketing AS c ON CAST(c.identity AS VARCHAR) = k.device
  LEFT JOIN known AS u ON u.unit = coalesce(CAST(b.bucketing_id AS VARCHAR), k.identity)
  LEFT JOIN known AS d ON d.unit = coalesce(CAST(c.bucketing_id AS VARCHAR), k.device)
  WHERE f.goal IS NULL
  GROUP BY 1
)
SELECT
  v.block,
  v.variant,
  count(*) AS visitors,
  count(CASE WHEN r.latest >= v.seen THEN 1 END) AS reached
FROM viewers AS v
LEFT JOIN reached AS r ON r.unit = v.unit
GROUP BY 1, 2
ORDER BY v.block, visitors DESC, v.variant
