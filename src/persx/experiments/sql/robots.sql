-- Devices that were marked as bots, with all that they did: robots(unit).
robots AS (
  SELECT DISTINCT coalesce(j.unit, r.identity) AS unit
  FROM (
    SELECT
      md5_number_lower(
        CASE
          WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
          ELSE 'a:' || e.anonymous_id
        END
      ) AS identity
    FROM events AS e
    WHERE e.type = 'track' AND e.name = 'Bot Detected' AND e.timestamp < $until
  ) AS r
  LEFT JOIN joined AS j ON j.identity = r.identity
)
