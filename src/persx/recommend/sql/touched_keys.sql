-- The keys that were touched, with the numbers that stand for them.
WITH {with touched}
SELECT DISTINCT md5_number_lower(t.key) AS number, t.key
FROM touched AS t
