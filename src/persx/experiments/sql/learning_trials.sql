-- Visitors who count in a block's learning: what they were shown, how probable that was, and
-- whether they reached the goal within the window.
--
-- A visitor enters at the first exposure since $since; arm, variant, propensity and context
-- freeze there, as the decision log has them. With $detail there is one row a visitor, else one
-- for those who are alike. Extra tables:
--   bucketing(identity, bucketing_id)       identities whose oldest verified identity is another
--   those of goal_events
--   context(place, path)                    attributes by which contexts are told apart
WITH parsed AS (
  SELECT
    json_extract_string(
      e.properties, ['$.experiment_id', '$.unit', '$.variation_id', '$.decision_id']
    ) AS said,
    CASE
      WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
      ELSE 'a:' || e.anonymous_id
    END AS identity,
    e.timestamp,
    e.sequence
  FROM events AS e
  WHERE e.type = 'track' AND e.name = 'Experiment Viewed' AND e.timestamp >= $since
),
mapped AS (
  SELECT
    coalesce(CAST(b.bucketing_id AS VARCHAR), nullif(p.said[2], ''), p.identity) AS unit,
    p.said[3] AS arm,
    -- An answer names a block's decision by the page's id with the block behind it.
    split_part(coalesce(p.said[4], ''), '.', 1) AS decision,
    p.timestamp,
    p.timestamp * 9223372036854775808::HUGEINT + p.sequence AS moment
  FROM parsed AS p
  LEFT JOIN bucketing AS b
    ON CAST(b.identity AS VARCHAR) = coalesce(nullif(p.said[2], ''), p.identity)
  WHERE p.said[1] = $experiment
),
units AS MATERIALIZED (
  SELECT
    unit,
    arg_min(coalesce(arm, ''), moment) AS arm,
    arg_min(decision, moment) AS decision,
    min(timestamp) AS entered
  FROM mapped
  GROUP BY 1
),
lines AS MATERIALIZED (
  SELECT DISTINCT ON (u.unit)
    u.unit,
    d.snapshot,
    d."at" AS decided,
    TRY_CAST(json_extract_string(d.body, $artifact) AS INTEGER) AS artifact,
    json_extract(d.body, '$.attributes') AS attributes,
    json_extract(d.body, '$.decisions[*]') AS decisions
  FROM units AS u
  JOIN decisions AS d ON d.id = u.decision
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = d.bucketing_id
  -- Whoever names another's decision is not believed.
  WHERE coalesce(CAST(b.bucketing_id AS VARCHAR), d.bucketing_id) = u.unit
),
shown AS MATERIALIZED (
  SELECT
    l.unit,
    l.snapshot,
    l.artifact,
    l.decided,
    l.attributes,
    json_extract_string(l.decision, '$[1]') AS variant,
    json_extract_string(l.decision, '$[2]') AS reason,
    TRY_CAST(json_extract_string(l.decision, '$[3]') AS DOUBLE) AS propensity
  FROM (
    SELECT unit, snapshot, artifact, decided, attributes, unnest(decisions) AS decision FROM lines
  ) AS l
  WHERE json_extract_string(l.decision, '$[0]') = $block
),
contexts AS (
  SELECT s.unit, list(json_extract_string(s.attributes, c.path) ORDER BY c.place) AS context
  FROM shown AS s
  CROSS JOIN context AS c
  GROUP BY 1
),
{with goal_events},
reached AS (
  SELECT DISTINCT coalesce(u.unit, d.unit) AS unit
  FROM goal_events AS k
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = k.identity
  LEFT JOIN bucketing AS c ON CAST(c.identity AS VARCHAR) = k.device
  LEFT JOIN units AS u ON u.unit = coalesce(CAST(b.bucketing_id AS VARCHAR), k.identity)
  LEFT JOIN units AS d ON d.unit = coalesce(CAST(c.bucketing_id AS VARCHAR), k.device)
  WHERE k.timestamp >= coalesce(u.entered, d.entered)
    AND k.timestamp < coalesce(u.entered, d.entered) + $window
)
SELECT
  u.arm,
  u.entered + $window <= $now AS over,
  c.context,
  s.variant,
  -- An arm that the log does not confirm tells nothing.
  CASE WHEN s.reason = 'learned' THEN s.propensity END AS propensity,
  s.snapshot,
  s.artifact,
  CASE WHEN $detail THEN s.decided ELSE 0 END AS decided,
  CASE WHEN $detail THEN CAST(s.attributes AS VARCHAR) ELSE '' END AS attributes,
  CASE WHEN $detail THEN u.unit ELSE '' END AS unit,
  count(*) AS visitors,
  count(r.unit) AS reached
FROM units AS u
LEFT JOIN shown AS s ON s.unit = u.unit
LEFT JOIN contexts AS c ON c.unit = u.unit
LEFT JOIN reached AS r ON r.unit = u.unit
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
