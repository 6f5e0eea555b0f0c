-- What was done with items, one row each:
-- (item, viewed, added, orders, pieces, revenue, shown, clicks, days).
-- Each of the days is 2^32 times the day, counted back from $until, and the views on it.
-- Extra table: pages(path, item)   paths of items' pages
WITH bots AS (
  SELECT DISTINCT anonymous_id
  FROM events
  WHERE type = 'track' AND name = 'Bot Detected' AND coalesce(anonymous_id, '') <> ''
),
recent AS (
  SELECT
    e.type,
    e.name,
    e.message_id,
    e.properties,
    e.context,
    CAST(floor(($until - e.timestamp) / 86400000) AS INTEGER) AS day
  FROM events AS e
  WHERE
    e.timestamp > $since
    AND e.timestamp <= $until
    AND (
      e.type = 'page'
      OR (
        e.type = 'track'
        AND e.name IN (
          'Product Viewed', 'Item Viewed', 'Product Added', 'Order Completed',
          'Recommendations Viewed', 'Recommendation Clicked', 'Email Link Clicked'
        )
      )
    )
    AND coalesce(e.anonymous_id, '') NOT IN (SELECT anonymous_id FROM bots)
),
paged AS (
  SELECT
    r.day,
    rtrim(
      split_part(
        split_part(
          coalesce(
            json_extract_string(r.properties, '$.path'),
            json_extract_string(r.context, '$.page.path')
          ),
          '?', 1
        ),
        '#', 1
      ),
      '/'
    ) AS path
  FROM recent AS r
  WHERE r.type = 'page'
),
named AS (
  SELECT
    r.day,
    r.name,
    r.message_id,
    unnest(
      CASE
        WHEN r.name = 'Order Completed' AND json_type(r.properties, '$.products') = 'ARRAY'
          THEN json_extract(r.properties, '$.products[*]')[1:100]
        ELSE [CAST(r.properties AS JSON)]
      END
    ) AS product
  FROM recent AS r
  WHERE r.type = 'track' AND r.name <> 'Recommendations Viewed'
),
told AS (
  SELECT
    n.day,
    n.name,
    n.message_id,
    coalesce(
      nullif(json_extract_string(n.product, '$.product_id'), ''),
      nullif(json_extract_string(n.product, '$.item_id'), ''),
      nullif(json_extract_string(n.product, '$.sku'), '')
    ) AS item,
    coalesce(TRY_CAST(json_extract_string(n.product, '$.quantity') AS DOUBLE), 1) AS quantity,
    coalesce(TRY_CAST(json_extract_string(n.product, '$.price') AS DOUBLE), 0) AS price
  FROM named AS n
),
shown AS (
  SELECT
    r.day,
    unnest(json_extract_string(r.properties, '$.items[*]')[1:100]) AS item
  FROM recent AS r
  WHERE r.type = 'track' AND r.name = 'Recommendations Viewed'
),
counted AS (
  SELECT
    CAST(p.item AS VARCHAR) AS item, v.day,
    count(*) AS pages, 0 AS views, 0 AS added, 0 AS orders, 0.0 AS pieces, 0.0 AS revenue,
    0 AS shown, 0 AS clicks
  FROM paged AS v
  JOIN pages AS p ON CAST(p.path AS VARCHAR) = v.path
  GROUP BY 1, 2
  UNION ALL
  SELECT
    t.item, t.day,
    0, count(*) FILTER (WHERE t.name IN ('Product Viewed', 'Item Viewed')),
    count(*) FILTER (WHERE t.name = 'Product Added'),
    count(DISTINCT t.message_id) FILTER (WHERE t.name = 'Order Completed'),
    -- What no order can hold, infinity among it, counts nothing.
    coalesce(
      sum(t.quantity) FILTER (WHERE t.name = 'Order Completed' AND t.quantity BETWEEN 0 AND 1e6), 0
    ),
    coalesce(
      sum(t.quantity * t.price) FILTER (
        WHERE t.name = 'Order Completed'
          AND t.quantity BETWEEN 0 AND 1e6
          AND t.price BETWEEN 0 AND 1e9
      ),
      0
    ),
    0, count(*) FILTER (WHERE t.name IN ('Recommendation Clicked', 'Email Link Clicked'))
  FROM told AS t
  WHERE t.item IS NOT NULL AND length(t.item) <= 200
  GROUP BY 1, 2
  UNION ALL
  SELECT s.item, s.day, 0, 0, 0, 0, 0, 0, count(*), 0
  FROM shown AS s
  WHERE s.item IS NOT NULL AND length(s.item) <= 200
  GROUP BY 1, 2
),
daily AS (
  SELECT
    c.item, c.day,
    -- Sites that send both send them of the same view.
    greatest(sum(c.pages), sum(c.views)) AS viewed,
    sum(c.added) AS added, sum(c.orders) AS orders, sum(c.pieces) AS pieces,
    sum(c.revenue) AS revenue, sum(c.shown) AS shown, sum(c.clicks) AS clicks
  FROM counted AS c
  GROUP BY 1, 2
)
SELECT
  d.item,
  sum(d.viewed), sum(d.added), sum(d.orders), sum(d.pieces), sum(d.revenue),
  sum(d.shown), sum(d.clicks),
  list(CAST(d.day AS BIGINT) * 4294967296 + CAST(d.viewed AS BIGINT))
    FILTER (WHERE d.viewed > 0 AND d.viewed < 4294967296)
FROM daily AS d
GROUP BY 1
