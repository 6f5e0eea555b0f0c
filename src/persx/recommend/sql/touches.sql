-- Every touch, as numbers alone, in no order: what is sorted here would have to be in memory twice.
WITH {with touched}
SELECT t.unit, md5_number_lower(t.key) AS key, t.at, t.action, t.device, t.simulated
FROM touched AS t
