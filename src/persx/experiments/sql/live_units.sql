-- What is known of an experiment's exposures as a whole, and the newest event's position. The first exposure is the first of all; exposures
-- of arms that the experiment does not have are counted from $since on.
WITH joined AS MATERIALIZED (
  SELECT
    md5_number_lower(CAST(identity AS VARCHAR)) AS identity,
    md5_number_lower(CAST(bucketing_id AS VARCHAR)) AS unit
  FROM bucketing
),
{with robots},
bots AS (
  SELECT DISTINCT r.unit
  FROM robots AS r
  LEFT JOIN joined AS j ON j.unit = r.unit
  JOIN exposures AS x ON x.unit = r.unit OR x.unit = j.identity
  WHERE x.experiment = $experiment AND x.timestamp < $until AND x.timestamp >= $since
),
seen AS (
  SELECT x.timestamp, x.snapshot, x.exposures, a.arm AS known_arm
  FROM exposures AS x
  LEFT JOIN arms AS a ON a.arm = x.arm
  WHERE x.experiment = $experiment AND x.timestamp < $until
)
SELECT
  (
    SELECT coalesce(sum(exposures), 0) FROM seen WHERE known_arm IS NULL AND timestamp >= $since
  ) AS strange,
  (SELECT count(*) FROM bots) AS bots,
  (SELECT min(timestamp) FROM seen) AS first_exposure,
  (SELECT max(snapshot) FROM seen) AS snapshot,
  (SELECT max(sequence) FROM events) AS newest
