SELECT
  -- Numbers in an order that nobody can know: the salt is thrown away.
  row_number() OVER (ORDER BY md5($salt || u.unit), u.unit) AS number,
  c.epoch,
  c.arm,
  CAST(u.entered AS BIGINT) AS entered,
  s.attributes,
  s.segment_values
  {each measures: , coalesce(n.m#, 0.0) AS m#}
FROM units AS u
JOIN cells AS c ON c.cell = u.cell
LEFT JOIN (
  SELECT cell, list(attribute ORDER BY attribute) AS attributes,
    list(value ORDER BY attribute) AS segment_values
  FROM segments
  GROUP BY 1
) AS s ON s.cell = u.cell
LEFT JOIN numbers AS n ON n.unit = u.unit
ORDER BY 1
