-- How many rows the touches of the log may come to at most, without reading what events hold.
SELECT
  count(*) FILTER (WHERE e.type = 'page') AS pages,
  count(*) FILTER (WHERE e.type = 'track') AS tracked,
  coalesce(
    sum(length(e.properties)) FILTER (WHERE e.type = 'track' AND a.action = 2), 0
  ) AS ordered
FROM events AS e
LEFT JOIN actions AS a ON a.name = e.name AND e.type = 'track'
WHERE (e.type = 'page' OR a.name IS NOT NULL) AND e.timestamp >= $since AND e.timestamp < $until
