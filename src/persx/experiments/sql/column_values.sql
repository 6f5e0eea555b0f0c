-- The values of a column with the number of rows of each, most frequent first.
SELECT CAST({column} AS VARCHAR) AS value, count(*) AS rows
FROM {table}
WHERE {column} IS NOT NULL
GROUP BY 1
ORDER BY rows DESC, value
LIMIT $limit
