-- How often each variant of each block was shown. Parameters: $begin, $end (milliseconds).
WITH rows AS (
  SELECT
    json_extract_string(d.body, '$.decisions[*][0]') AS blocks,
    json_extract_string(d.body, '$.decisions[*][1]') AS variants
  FROM decisions AS d
  WHERE d."at" >= $begin AND d."at" < $end
),
pairs AS (
  SELECT unnest(list_zip(blocks, variants)) AS pair FROM rows
)
SELECT pair[1] AS block, pair[2] AS variant, count(*) AS shown
FROM pairs
GROUP BY 1, 2
ORDER BY 1, 2
