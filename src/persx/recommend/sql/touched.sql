-- What visitors who may be learned from did with items: touched(unit, key, at, action, device,
-- simulated). A key is an item's id, or the path of its page.
-- Extra tables:
--   bucketing(identity, bucketing_id)   identities whose oldest verified identity is another
--   exceptions(unit)                    who allows it where $usual is false, else who does not
--   actions(name, action)               what track events say, as places in ACTIONS
--   pages(path)                         paths of items' pages
joined AS MATERIALIZED (
  SELECT
    md5_number_lower(CAST(identity AS VARCHAR)) AS identity,
    md5_number_lower(CAST(bucketing_id AS VARCHAR)) AS unit
  FROM bucketing
),
robots AS (
  SELECT DISTINCT
    md5_number_lower(
      CASE
        WHEN e.verified AND e.user_id <> '' THEN 'u:' || e.user_id
        WHEN e.anonymous_id <> '' THEN 'a:' || e.anonymous_id
        ELSE 'c:' || e.user_id
      END
    ) AS identity
  FROM events AS e
  WHERE e.type = 'track' AND e.name = 'Bot Detected'
),
robot_units AS MATERIALIZED (
  SELECT coalesce(j.unit, r.identity) AS unit
  FROM robots AS r
  LEFT JOIN joined AS j ON j.identity = r.identity
),
others AS MATERIALIZED (
  SELECT md5_number_lower(CAST(unit AS VARCHAR)) AS unit FROM exceptions
),
-- Each product of an order by itself; what else names an item does so itself.
products AS (
  SELECT
    e.verified,
    e.user_id,
    e.anonymous_id,
    e.timestamp,
    e.context,
    CAST(a.action AS INTEGER) AS action,
    unnest(
      CASE
        WHEN a.action = 2 AND json_type(e.properties, '$.products') = 'ARRAY'
          THEN json_extract(e.properties, '$.products[*]')[1:100]
        ELSE [CAST(e.properties AS JSON)]
      END
    ) AS product
  FROM events AS e
  JOIN actions AS a ON a.name = e.name
  WHERE e.type = 'track' AND e.timestamp >= $since AND e.timestamp < $until
),
named AS (
  SELECT
    p.verified,
    p.user_id,
    p.anonymous_id,
    p.timestamp,
    p.context,
    p.action,
    coalesce(
      nullif(json_extract_string(p.product, '$.product_id'), ''),
      nullif(json_extract_string(p.product, '$.item_id'), ''),
      nullif(json_extract_string(p.product, '$.sku'), '')
    ) AS key
  FROM products AS p
),
viewed AS (
  SELECT
    e.verified,
    e.user_id,
    e.anonymous_id,
    e.timestamp,
    e.context,
    0 AS action,
    rtrim(
      split_part(
        split_part(
          coalesce(
            json_extract_string(e.properties, '$.path'),
            json_extract_string(e.context, '$.page.path')
          ),
          '?', 1
        ),
        '#', 1
      ),
      '/'
    ) AS key
  FROM events AS e
  WHERE e.type = 'page' AND e.timestamp >= $since AND e.timestamp < $until
),
every_one AS (
  SELECT n.* FROM named AS n
  WHERE n.key IS NOT NULL AND length(n.key) <= 200 AND NOT starts_with(n.key, '/')
  UNION ALL
  SELECT v.* FROM viewed AS v
  WHERE v.key IN (SELECT CAST(path AS VARCHAR) FROM pages)
),
said AS (
  SELECT
    md5_number_lower(
      CASE
        WHEN o.verified AND o.user_id <> '' THEN 'u:' || o.user_id
        WHEN o.anonymous_id <> '' THEN 'a:' || o.anonymous_id
        ELSE 'c:' || o.user_id
      END
    ) AS identity,
    o.key,
    o.timestamp AS at,
    o.action,
    CASE
      coalesce(
        json_extract_string(o.context, '$.device.type'),
        split_part(json_extract_string(o.context, '$.userAgent'), '; ', 3)
      )
      WHEN 'desktop' THEN 0
      WHEN 'phone' THEN 1
      WHEN 'mobile' THEN 1
      WHEN 'tablet' THEN 2
      ELSE -1
    END AS device,
    coalesce(json_extract_string(o.context, '$.simulated'), '') = 'true' AS simulated
  FROM every_one AS o
),
touched AS (
  SELECT coalesce(j.unit, s.identity) AS unit, s.key, s.at, s.action, s.device, s.simulated
  FROM said AS s
  LEFT JOIN joined AS j ON j.identity = s.identity
  WHERE coalesce(j.unit, s.identity) NOT IN (SELECT unit FROM robot_units)
    AND (coalesce(j.unit, s.identity) IN (SELECT unit FROM others)) <> $usual
)
