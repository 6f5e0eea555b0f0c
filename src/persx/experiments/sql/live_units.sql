-- What is known of an experiment's exposures as a whole, and the newest event's position. The first exposure is the first of all; exposures
-- of arms that the experiment does not have are counted from $since on.
WITH seen AS (
  SELECT x.timestamp, x.snapshot, x.exposures, a.arm AS known_arm
  FROM exposures AS x
  LEFT JOIN arms AS a ON a.arm = x.arm
  WHERE x.experiment = $experiment AND x.timestamp < $until
)
SELECT
  (
    SELECT coalesce(sum(exposures), 0) FROM seen WHERE known_arm IS NULL AND timestamp >= $since
  ) AS strange,
  (SELECT min(timestamp) FROM seen) AS first_exposure,
  (SELECT max(snapshot) FROM seen) AS snapshot,
  (SELECT max(sequence) FROM events) AS newest
