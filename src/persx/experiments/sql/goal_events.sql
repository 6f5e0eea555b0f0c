-- Events that reach a goal, with all properties as they must be: goal_events(goal, identity,
-- device, timestamp, sequence, value, currency). Extra tables:
--   goals(goal, event, value_path, currency_path)  what counts, and which number is summed
--   conditions(goal, path, kind, text, number)     properties that must be equal
-- Track events go by their name, others by their type; each alone can be looked up in a segment.
named AS (
  SELECT e.*, g.goal, g.value_path, g.currency_path
  FROM events AS e
  JOIN goals AS g ON g.event = e.name
  WHERE e.type = 'track'
  UNION ALL
  SELECT e.*, g.goal, g.value_path, g.currency_path
  FROM events AS e
  JOIN goals AS g ON g.event = e.type
  WHERE e.type <> 'track'
),
conditional AS (
  SELECT DISTINCT goal FROM conditions
),
failed AS (
  SELECT DISTINCT n.goal, n.sequence
  FROM named AS n
  JOIN conditional AS o ON o.goal = n.goal
  JOIN conditions AS c ON c.goal = n.goal
  WHERE NOT coalesce(
    CASE c.kind
      WHEN 'number' THEN
        json_type(n.properties, c.path) IN ('UBIGINT', 'BIGINT', 'DOUBLE')
        AND TRY_CAST(json_extract_string(n.properties, c.path) AS DOUBLE) = c.number
      WHEN 'boolean' THEN
        json_type(n.properties, c.path) = 'BOOLEAN'
        AND json_extract_string(n.properties, c.path) = c.text
      ELSE
        json_type(n.properties, c.path) = 'VARCHAR'
        AND json_extract_string(n.properties, c.path) = c.text
    END,
    FALSE
  )
),
goal_events AS (
  SELECT
    n.goal,
    CASE
      WHEN nullif(n.user_id, '') IS NOT NULL THEN 'u:' || n.user_id
      ELSE 'a:' || n.anonymous_id
    END AS identity,
    'a:' || n.anonymous_id AS device,
    n.timestamp,
    n.sequence,
    TRY_CAST(json_extract_string(n.properties, n.value_path) AS DOUBLE) AS value,
    upper(coalesce(json_extract_string(n.properties, n.currency_path), '')) AS currency
  FROM named AS n
  LEFT JOIN failed AS f ON f.goal = n.goal AND f.sequence = n.sequence
  WHERE f.goal IS NULL
)
