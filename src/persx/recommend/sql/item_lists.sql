-- Where items were recommended and clicked: (item, block, pipeline, shown, clicks).
WITH bots AS (
  SELECT DISTINCT anonymous_id
  FROM events
  WHERE type = 'track' AND name = 'Bot Detected' AND coalesce(anonymous_id, '') <> ''
),
recent AS (
  SELECT
    e.name,
    e.properties,
    coalesce(json_extract_string(e.properties, '$.block'), '') AS block,
    coalesce(json_extract_string(e.properties, '$.pipeline'), '') AS pipeline
  FROM events AS e
  WHERE
    e.type = 'track'
    AND e.name IN ('Recommendations Viewed', 'Recommendation Clicked', 'Email Link Clicked')
    AND e.timestamp > $since
    AND e.timestamp <= $until
    AND coalesce(e.anonymous_id, '') NOT IN (SELECT anonymous_id FROM bots)
),
told AS (
  SELECT
    unnest(json_extract_string(r.properties, '$.items[*]')[1:100]) AS item,
    r.block,
    r.pipeline,
    1 AS shown,
    0 AS clicks
  FROM recent AS r
  WHERE r.name = 'Recommendations Viewed'
  UNION ALL
  SELECT json_extract_string(r.properties, '$.item_id'), r.block, r.pipeline, 0, 1
  FROM recent AS r
  WHERE r.name <> 'Recommendations Viewed'
)
SELECT t.item, t.block, t.pipeline, sum(t.shown), sum(t.clicks)
FROM told AS t
WHERE t.item IS NOT NULL AND length(t.item) <= 200 AND length(t.block) + length(t.pipeline) <= 400
GROUP BY 1, 2, 3
