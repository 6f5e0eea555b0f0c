-- Sums of every measure by epoch, arm and segment, from the log.
--
-- A unit enters at its first exposure, where arm, epoch, page and segment values freeze: its cell.
-- Outcomes count from then on, whichever of the visitor's identities they came under, each for one
-- unit: the user's, or else the device's. Only who entered from $since on counts, and what was
-- before $until. Extra tables, beside those of goal_events:
--   bucketing(identity, bucketing_id)  identities whose oldest verified identity is another
--   arms(arm, place)                   the experiment's arms
--   measures(measure, goal, taken, after, before, least, wait, share)  numbers of each unit: how
--     many of a goal's events there were in [after, before) from its entry on, whether there were
--     `least`, or their sum, cut at the quantile `share` of those that are not 0 unless
--     it is negative; of units alone that entered `wait` ago
--   rates(currency, since, until, rate)  what money is worth
WITH {with joined},
denials AS (
  SELECT
    coalesce(j.unit, d.identity) AS unit,
    max(d.timestamp) AS denied
  FROM (
    SELECT
      md5_number_lower(
        CASE
          WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
          ELSE 'a:' || e.anonymous_id
        END
      ) AS identity,
      e.timestamp
    FROM events AS e
    WHERE e.type = 'track'
      AND e.name = 'Consent Changed'
      AND (
        json_extract_string(e.properties, '$.purposes.analytics') = 'false'
        OR json_extract_string(e.properties, '$.purposes.personalization') = 'false'
      )
      AND e.timestamp < $until
  ) AS d
  LEFT JOIN joined AS j ON j.identity = d.identity
  GROUP BY 1
),
{with robots},
units AS MATERIALIZED (
  SELECT
    coalesce(j.unit, x.unit) AS unit,
    -- Time and place in the log in one number, which is found faster than the least of pairs.
    arg_min(x.cell, x.timestamp * 9223372036854775808::HUGEINT + x.sequence) AS cell,
    min(x.timestamp) AS entered,
    min(a.place) <> max(a.place) AS moved
  FROM exposures AS x
  JOIN arms AS a ON a.arm = x.arm
  LEFT JOIN joined AS j ON j.identity = x.unit
  WHERE x.experiment = $experiment
    AND x.timestamp < $until
    AND coalesce(j.unit, x.unit) NOT IN (SELECT unit FROM robots)
  GROUP BY 1
  HAVING min(x.timestamp) >= $since
),
-- Of those who were seen in several arms: in two of one epoch. A new epoch may move visitors.
contaminated AS (
  SELECT DISTINCT unit
  FROM (
    SELECT u.unit
    FROM exposures AS x
    JOIN arms AS a ON a.arm = x.arm
    LEFT JOIN joined AS j ON j.identity = x.unit
    JOIN units AS u ON u.unit = coalesce(j.unit, x.unit) AND u.moved
    WHERE x.experiment = $experiment AND x.timestamp < $until
    GROUP BY u.unit, x.epoch
    HAVING min(a.place) <> max(a.place)
  ) AS s
),
{with goal_events},
outcomes AS (
  SELECT
    coalesce(u.unit, d.unit) AS unit,
    coalesce(u.cell, d.cell) AS cell,
    coalesce(u.entered, d.entered) AS entered,
    g.goal,
    g.timestamp - coalesce(u.entered, d.entered) AS after,
    g.value * coalesce(r.rate, 1) AS value,
    g.currency <> '' AND $convert AND r.rate IS NULL AS unpriced
  FROM (
    SELECT
      goal,
      timestamp,
      identity,
      CASE WHEN who = machine THEN identity ELSE md5_number_lower(machine) END AS device,
      CASE WHEN abs(value) < 1e100 THEN value END AS value,
      currency
    FROM (
      SELECT
        goal,
        timestamp,
        identity AS who,
        device AS machine,
        md5_number_lower(identity) AS identity,
        value,
        currency
      FROM goal_events
      WHERE timestamp < $until
    )
  ) AS g
  LEFT JOIN joined AS j ON j.identity = g.identity
  LEFT JOIN joined AS k ON k.identity = g.device
  LEFT JOIN units AS u ON u.unit = coalesce(j.unit, g.identity)
  -- A user who is no unit, on a device that is one: signed in without a verified link.
  LEFT JOIN units AS d ON d.unit = coalesce(k.unit, g.device)
  LEFT JOIN rates AS r
    ON r.currency = g.currency AND g.timestamp >= r.since AND g.timestamp < r.until
),
measured AS (
  SELECT
    o.unit,
    o.cell,
    m.measure,
    any_value(m.share) AS share,
    CASE any_value(m.taken)
      WHEN 'sum' THEN coalesce(sum(o.value), 0.0)
      WHEN 'reached' THEN CAST(count(*) >= any_value(m.least) AS INTEGER)
      WHEN 'missing' THEN count(*) - count(o.value)
      WHEN 'negative' THEN count(CASE WHEN o.value < 0 THEN 1 END)
      WHEN 'unpriced' THEN count(CASE WHEN o.unpriced THEN 1 END)
      ELSE count(*)
    END AS value
  FROM outcomes AS o
  JOIN measures AS m ON m.goal = o.goal AND o.after >= m.after AND o.after < m.before
  WHERE o.unit IS NOT NULL AND o.entered + m.wait <= $now
  GROUP BY 1, 2, 3
),
ranked AS (
  SELECT
    measure,
    abs(value) AS size,
    row_number() OVER (PARTITION BY measure ORDER BY abs(value)) AS place,
    ceil(share * count(*) OVER (PARTITION BY measure)) AS last
  FROM measured
  WHERE share >= 0 AND value <> 0
),
ends AS (
  SELECT measure, max(size) AS size FROM ranked WHERE place <= last GROUP BY 1
),
cut AS (
  SELECT
    m.unit,
    m.cell,
    m.measure,
    CASE WHEN abs(m.value) > e.size THEN sign(m.value) * e.size ELSE m.value END AS value
  FROM measured AS m
  LEFT JOIN ends AS e ON e.measure = m.measure
),
numbers AS (
  SELECT
    unit,
    cell
    {each measures: , coalesce(sum(CASE WHEN measure = # THEN value END), 0.0) AS m#}
  FROM cut
  GROUP BY 1, 2
),
sums AS (
  SELECT
    cell
    {each measures: , sum(m#) AS s#}
    {each products: , sum(%1 * %2) AS p#}
  FROM numbers
  GROUP BY 1
),
counts AS (
  SELECT
    u.cell,
    count(*) AS n,
    count(c.unit) AS contaminated,
    count(CASE WHEN d.denied >= u.entered THEN 1 END) AS withdrawn
    {each waits: , count(CASE WHEN u.entered + $wait# <= $now THEN 1 END) AS n#}
  FROM units AS u
  LEFT JOIN denials AS d ON d.unit = u.unit
  LEFT JOIN contaminated AS c ON c.unit = u.unit
  GROUP BY 1
),
described AS (
  SELECT
    cell,
    any_value(arm) AS arm,
    any_value(epoch) AS epoch,
    any_value(page) AS page,
    any_value(segments) AS segments
  FROM exposures
  WHERE experiment = $experiment
  GROUP BY 1
),
cells AS MATERIALIZED (
  SELECT d.arm, d.epoch, d.page, d.segments, c.*
  FROM counts AS c
  JOIN described AS d ON d.cell = c.cell
),
said AS (
  SELECT
    cell,
    unnest(map_entries(TRY_CAST(TRY_CAST(segments AS JSON) AS MAP(VARCHAR, VARCHAR)))) AS entry
  FROM cells
),
segments AS (
  SELECT cell, entry.key AS attribute, any_value(entry.value) AS value
  FROM said
  WHERE entry.key <> 'first page'
  GROUP BY 1, 2
  UNION ALL
  -- Where an exposure tells no page, nothing is guessed from later ones.
  SELECT cell, 'first page', page FROM cells WHERE page <> ''
),
attributes AS (
  SELECT DISTINCT attribute FROM segments
),
strata AS (
  SELECT cell, '' AS attribute, '' AS segment FROM cells
  UNION ALL
  SELECT c.cell, a.attribute, coalesce(s.value, '(unknown)')
  FROM cells AS c
  CROSS JOIN attributes AS a
  LEFT JOIN segments AS s ON s.cell = c.cell AND s.attribute = a.attribute
)
SELECT
  c.epoch,
  c.arm,
  t.attribute,
  t.segment,
  CAST(sum(c.n) AS BIGINT) AS n,
  CAST(sum(c.contaminated) AS BIGINT) AS contaminated,
  CAST(sum(c.withdrawn) AS BIGINT) AS withdrawn
  {each waits: , CAST(sum(c.n#) AS BIGINT) AS n#}
  {each measures: , coalesce(sum(s.s#), 0.0) AS s#}
  {each products: , coalesce(sum(s.p#), 0.0) AS p#}
FROM strata AS t
JOIN cells AS c ON c.cell = t.cell
LEFT JOIN sums AS s ON s.cell = t.cell
GROUP BY 1, 2, 3, 4
