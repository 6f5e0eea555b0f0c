-- What is known of an experiment's exposures as a whole, and the newest event's position.
--
-- The first exposure is the first of all; bots, and exposures of arms that the experiment does not
-- have, are counted from $since on.
WITH {with joined},
{with robots},
bots AS (
  SELECT DISTINCT r.unit
  FROM exposures AS x
  LEFT JOIN joined AS j ON j.identity = x.unit
  JOIN robots AS r ON r.unit = coalesce(j.unit, x.unit)
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
