SELECT
  -- Numbers in an order that nobody can know: the salt is thrown away.
  row_number() OVER (ORDER BY md5($salt || u.unit), u.unit) AS number,
  u.epoch,
  u.arm,
  CAST(u.entered AS BIGINT) AS entered,
  s.attributes,
  s.segment_values,
  c.goals,
  c.totals
FROM units AS u
LEFT JOIN (
  SELECT unit, list(attribute ORDER BY attribute) AS attributes,
    list(value ORDER BY attribute) AS segment_values
  FROM segments
  GROUP BY 1
) AS s ON s.unit = u.unit
LEFT JOIN (
  SELECT unit, list(goal ORDER BY goal) AS goals, list(value ORDER BY goal) AS totals
  FROM converted
  GROUP BY 1
) AS c ON c.unit = u.unit
ORDER BY 1
