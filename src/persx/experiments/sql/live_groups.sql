-- Aggregates of every goal by epoch, arm and segment, from the log.
--
-- A unit enters at its first exposure, where arm, epoch and segment values freeze. Outcomes count
-- from then on, whichever of the visitor's identities they came under, each for one unit: the
-- user's, or else the device's. Only who entered from $since on counts, and what was before $until.
-- Extra tables:
--   bucketing(identity, bucketing_id)       identities whose oldest verified identity is another
--   arms(arm)                               the experiment's arms
--   goals(goal, event, value_path)          what counts, and which number is summed
--   conditions(goal, path, kind, text, number)  properties that must be equal
WITH parsed AS (
  SELECT
    json_extract_string(
      e.properties,
      [
        '$.experiment_id', '$.unit', '$.variation_id', '$.epoch', '$.segments', '$.page'
      ]
    ) AS said,
    CASE
      WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
      ELSE 'a:' || e.anonymous_id
    END AS identity,
    e.timestamp,
    e.sequence
  FROM events AS e
  WHERE e.type = 'track' AND e.name = 'Experiment Viewed' AND e.timestamp < $until
),
seen AS (
  SELECT
    coalesce(nullif(said[2], ''), identity) AS said_unit,
    said[3] AS arm,
    coalesce(TRY_CAST(said[4] AS INTEGER), 1) AS epoch,
    said[5] AS segments,
    said[6] AS page,
    timestamp,
    sequence
  FROM parsed
  WHERE said[1] = $experiment
),
mapped AS (
  SELECT
    coalesce(CAST(b.bucketing_id AS VARCHAR), s.said_unit) AS unit,
    s.*,
    -- Time and place in the log in one number, which is found faster than the least of pairs.
    s.timestamp * 9223372036854775808::HUGEINT + s.sequence AS moment
  FROM seen AS s
  JOIN arms AS a ON a.arm = s.arm
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = s.said_unit
),
units AS MATERIALIZED (
  SELECT
    unit,
    arg_min(arm, moment) AS arm,
    arg_min(epoch, moment) AS epoch,
    -- arg_min passes over NULLs: a first exposure without segments must not get a later one's.
    arg_min(coalesce(segments, ''), moment) AS segments,
    arg_min(coalesce(page, ''), moment) AS page,
    min(timestamp) AS entered
  FROM mapped
  GROUP BY 1
  HAVING min(timestamp) >= $since
),
said AS (
  SELECT
    u.unit,
    unnest(map_entries(TRY_CAST(TRY_CAST(u.segments AS JSON) AS MAP(VARCHAR, VARCHAR)))) AS entry
  FROM units AS u
),
segments AS (
  SELECT unit, entry.key AS attribute, any_value(entry.value) AS value
  FROM said
  WHERE entry.key <> 'first page'
  GROUP BY 1, 2
  UNION ALL
  -- Where an exposure tells no page, nothing is guessed from later ones.
  SELECT unit, 'first page', page FROM units WHERE page <> ''
),
attributes AS (
  SELECT DISTINCT attribute FROM segments
),
strata AS MATERIALIZED (
  SELECT unit, epoch, arm, '' AS attribute, '' AS segment FROM units
  UNION ALL
  SELECT u.unit, u.epoch, u.arm, a.attribute, coalesce(s.value, '(unknown)')
  FROM units AS u
  CROSS JOIN attributes AS a
  LEFT JOIN segments AS s ON s.unit = u.unit AND s.attribute = a.attribute
),
candidates AS (
  SELECT
    g.goal,
    g.value_path,
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
  WHERE e.timestamp < $until
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
outcomes AS (
  SELECT
    coalesce(u.unit, d.unit) AS unit,
    k.goal,
    TRY_CAST(json_extract_string(k.properties, k.value_path) AS DOUBLE) AS value
  FROM candidates AS k
  LEFT JOIN failed AS f ON f.goal = k.goal AND f.sequence = k.sequence
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = k.identity
  LEFT JOIN bucketing AS c ON CAST(c.identity AS VARCHAR) = k.device
  LEFT JOIN units AS u ON u.unit = coalesce(CAST(b.bucketing_id AS VARCHAR), k.identity)
  -- A user who is no unit, on a device that is one: signed in without a verified link.
  LEFT JOIN units AS d ON d.unit = coalesce(CAST(c.bucketing_id AS VARCHAR), k.device)
  WHERE f.goal IS NULL AND k.timestamp >= coalesce(u.entered, d.entered)
),
converted AS (
  SELECT
    unit,
    goal,
    coalesce(sum(CASE WHEN abs(value) < 1e100 THEN value END), 0.0) AS value,
    count(*) - count(CASE WHEN abs(value) < 1e100 THEN 1 END) AS without_value
  FROM outcomes
  GROUP BY 1, 2
)
SELECT
  s.epoch, s.arm, s.attribute, s.segment, '' AS goal,
  count(*) AS units, 0.0 AS total, 0.0 AS squares, 0 AS without_value
FROM strata AS s
GROUP BY 1, 2, 3, 4
UNION ALL
SELECT
  s.epoch, s.arm, s.attribute, s.segment, c.goal,
  count(*), sum(c.value), sum(c.value * c.value), sum(c.without_value)
FROM strata AS s
JOIN converted AS c ON c.unit = s.unit
GROUP BY 1, 2, 3, 4, 5
