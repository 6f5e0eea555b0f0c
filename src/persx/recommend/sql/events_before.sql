-- What some visitors' events say up to a moment of each, in no order: who it is, and the events.
-- Extra tables:
--   bucketing(identity, bucketing_id)   identities whose oldest verified identity is another
--   asked(unit, before)                 the numbers of visitors, and their moments
WITH joined AS MATERIALIZED (
  SELECT
    md5_number_lower(CAST(identity AS VARCHAR)) AS identity,
    md5_number_lower(CAST(bucketing_id AS VARCHAR)) AS unit
  FROM bucketing
),
wanted AS MATERIALIZED (
  SELECT CAST(unit AS UBIGINT) AS unit, CAST(before AS BIGINT) AS before FROM asked
),
said AS (
  SELECT
    md5_number_lower(
      CASE
        WHEN e.verified AND e.user_id <> '' THEN 'u:' || e.user_id
        WHEN e.anonymous_id <> '' THEN 'a:' || e.anonymous_id
        ELSE 'c:' || e.user_id
      END
    ) AS identity,
    e.*
  FROM events AS e
),
owned AS (
  SELECT coalesce(j.unit, s.identity) AS unit, s.*
  FROM said AS s
  LEFT JOIN joined AS j ON j.identity = s.identity
)
SELECT
  o.unit,
  o.type,
  o.message_id,
  o.anonymous_id,
  o.user_id,
  o.name,
  o.group_id,
  o.previous_id,
  o.timestamp,
  o.received,
  o.sequence,
  o.verified,
  o.properties,
  o.traits,
  o.context
FROM owned AS o
JOIN wanted AS w ON w.unit = o.unit
WHERE o.timestamp < w.before
