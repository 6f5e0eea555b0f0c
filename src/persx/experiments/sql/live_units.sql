-- What is known of an experiment's exposures as a whole, and the newest event's position, at
-- which the query for the outcomes then stops too. Units and contamination are of those who
-- entered from $since on; the first exposure is the first of all.
WITH seen AS (
  SELECT
    coalesce(
      nullif(json_extract_string(e.properties, '$.unit'), ''),
      CASE
        WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
        ELSE 'a:' || e.anonymous_id
      END
    ) AS said_unit,
    json_extract_string(e.properties, '$.variation_id') AS arm,
    TRY_CAST(json_extract_string(e.properties, '$.snapshot') AS BIGINT) AS snapshot,
    e.timestamp
  FROM events AS e
  WHERE e.type = 'track'
    AND e.name = 'Experiment Viewed'
    AND json_extract_string(e.properties, '$.experiment_id') = $experiment
    AND e.timestamp < $until
),
mapped AS (
  SELECT coalesce(CAST(b.bucketing_id AS VARCHAR), s.said_unit) AS unit, s.*, a.arm AS known_arm
  FROM seen AS s
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = s.said_unit
  LEFT JOIN arms AS a ON a.arm = s.arm
),
units AS (
  SELECT unit, count(DISTINCT arm) AS arms
  FROM mapped
  WHERE known_arm IS NOT NULL
  GROUP BY 1
  HAVING min(timestamp) >= $since
)
SELECT
  (SELECT count(*) FROM units) AS units,
  (SELECT count(*) FROM units WHERE arms > 1) AS contaminated,
  (SELECT count(*) FROM mapped WHERE known_arm IS NULL AND timestamp >= $since) AS strange,
  (SELECT min(timestamp) FROM mapped) AS first_exposure,
  (SELECT max(snapshot) FROM mapped) AS snapshot,
  (SELECT max(sequence) FROM events) AS newest
