-- How many units of each arm took a consent back after they entered: to be counted, or to have
-- content chosen for them; of those who entered from $since on, before $until. The arm is that of the first exposure. Extra tables: those of live_units.
WITH answers AS (
  SELECT
    CASE
      WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
      ELSE 'a:' || e.anonymous_id
    END AS identity,
    e.timestamp
  FROM events AS e
  WHERE e.type = 'track'
    AND e.name = 'Consent Changed'
    AND (
      json_extract_string(e.properties, '$.purposes.analytics') = 'false'
      OR json_extract_string(e.properties, '$.purposes.personalization') = 'false'
    )
    AND e.timestamp < $until
),
denied AS (
  SELECT
    coalesce(CAST(b.bucketing_id AS VARCHAR), d.identity) AS unit,
    max(d.timestamp) AS denied_at
  FROM answers AS d
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = d.identity
  GROUP BY 1
),
seen AS (
  SELECT
    coalesce(
      nullif(json_extract_string(e.properties, '$.unit'), ''),
      CASE
        WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
        ELSE 'a:' || e.anonymous_id
      END
    ) AS said_unit,
    json_extract_string(e.properties, '$.variation_id') AS arm,
    e.timestamp,
    e.timestamp * 9223372036854775808::HUGEINT + e.sequence AS moment
  FROM events AS e
  WHERE e.type = 'track'
    AND e.name = 'Experiment Viewed'
    AND json_extract_string(e.properties, '$.experiment_id') = $experiment
    AND e.timestamp < $until
),
units AS (
  SELECT
    d.unit,
    d.denied_at,
    arg_min(s.arm, s.moment) AS arm,
    min(s.timestamp) AS entered
  FROM seen AS s
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = s.said_unit
  JOIN denied AS d ON d.unit = coalesce(CAST(b.bucketing_id AS VARCHAR), s.said_unit)
  JOIN arms AS a ON a.arm = s.arm
  GROUP BY 1, 2
  HAVING min(s.timestamp) >= $since
)
SELECT arm, count(*) AS withdrawn FROM units WHERE denied_at >= entered GROUP BY 1
