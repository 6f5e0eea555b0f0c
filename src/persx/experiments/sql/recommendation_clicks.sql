-- What recommendations did, by block and pipeline: how often a list was seen and by how many,
-- how often one of its items was clicked, and which orders hold an item after a click on it.
--
-- An item of an order counts once, for the last click on it within $window milliseconds before.
-- Extra table: bucketing(identity, bucketing_id).
WITH named AS (
  SELECT
    e.name,
    e.message_id,
    e.sequence,
    e.timestamp,
    e.properties,
    coalesce(
      CAST(b.bucketing_id AS VARCHAR),
      CASE
        WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
        ELSE 'a:' || e.anonymous_id
      END
    ) AS unit
  FROM events AS e
  LEFT JOIN bucketing AS b ON CAST(b.identity AS VARCHAR) = CASE
    WHEN nullif(e.user_id, '') IS NOT NULL THEN 'u:' || e.user_id
    ELSE 'a:' || e.anonymous_id
  END
  WHERE
    e.type = 'track'
    AND e.name IN (
      'Recommendations Viewed', 'Recommendation Clicked', 'Email Link Clicked', 'Order Completed'
    )
),
lists AS (
  SELECT
    coalesce(json_extract_string(properties, '$.block'), '') AS block,
    coalesce(json_extract_string(properties, '$.pipeline'), '') AS pipeline,
    count(*) AS views,
    count(DISTINCT unit) AS viewers
  FROM named
  WHERE name = 'Recommendations Viewed'
  GROUP BY 1, 2
),
clicks AS MATERIALIZED (
  SELECT
    coalesce(json_extract_string(properties, '$.block'), '') AS block,
    coalesce(json_extract_string(properties, '$.pipeline'), '') AS pipeline,
    json_extract_string(properties, '$.item_id') AS item,
    unit,
    timestamp,
    sequence
  FROM named
  WHERE
    name IN ('Recommendation Clicked', 'Email Link Clicked')
    AND json_extract_string(properties, '$.block') IS NOT NULL
    AND json_extract_string(properties, '$.item_id') IS NOT NULL
),
clicked AS (
  SELECT block, pipeline, count(*) AS clicks, count(DISTINCT unit) AS clickers
  FROM clicks
  GROUP BY 1, 2
),
bought AS (
  SELECT unit, message_id, timestamp, unnest(json_extract(properties, '$.products[*]')) AS product
  FROM named
  WHERE name = 'Order Completed'
),
ordered AS (
  SELECT
    unit,
    message_id,
    timestamp,
    coalesce(
      json_extract_string(product, '$.product_id'),
      json_extract_string(product, '$.item_id'),
      json_extract_string(product, '$.sku')
    ) AS item,
    coalesce(TRY_CAST(json_extract_string(product, '$.price') AS DOUBLE), 0)
    * coalesce(TRY_CAST(json_extract_string(product, '$.quantity') AS DOUBLE), 1) AS value
  FROM bought
),
attributed AS (
  SELECT
    c.block,
    c.pipeline,
    o.message_id,
    o.value,
    row_number() OVER (
      PARTITION BY o.message_id, o.item ORDER BY c.timestamp DESC, c.sequence DESC
    ) AS place
  FROM ordered AS o
  JOIN clicks AS c
    ON c.unit = o.unit
    AND c.item = o.item
    AND c.timestamp <= o.timestamp
    AND c.timestamp >= o.timestamp - $window
),
orders AS (
  SELECT
    block,
    pipeline,
    count(DISTINCT message_id) AS orders,
    count(*) AS items,
    sum(value) AS revenue
  FROM attributed
  WHERE place = 1
  GROUP BY 1, 2
),
seen AS (
  SELECT block, pipeline FROM lists
  UNION
  SELECT block, pipeline FROM clicked
)
SELECT
  s.block,
  s.pipeline,
  coalesce(l.views, 0) AS views,
  coalesce(l.viewers, 0) AS viewers,
  coalesce(k.clicks, 0) AS clicks,
  coalesce(k.clickers, 0) AS clickers,
  coalesce(o.orders, 0) AS orders,
  coalesce(o.items, 0) AS items,
  coalesce(o.revenue, 0) AS revenue
FROM seen AS s
LEFT JOIN lists AS l ON l.block = s.block AND l.pipeline = s.pipeline
LEFT JOIN clicked AS k ON k.block = s.block AND k.pipeline = s.pipeline
LEFT JOIN orders AS o ON o.block = s.block AND o.pipeline = s.pipeline
ORDER BY views DESC, s.block, s.pipeline
