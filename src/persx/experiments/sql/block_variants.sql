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
{with goal_events},
reached AS (
  SELECT coalesce(u.unit, d.unit) AS unit, max(k.timestamp) AS latest
  FROM goal_events AS k
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = k.identity
  LEFT JOIN bucketing AS c ON CAST(c.identity AS VARCHAR) = k.device
  LEFT JOIN known AS u ON u.unit = coalesce(CAST(b.bucketing_id AS VARCHAR), k.identity)
  LEFT JOIN known AS d ON d.unit = coalesce(CAST(c.bucketing_id AS VARCHAR), k.device)
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
