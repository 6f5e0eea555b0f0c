-- How many events in the log did not come from a simulation.
SELECT count(*) AS events
FROM events AS e
WHERE coalesce(json_extract_string(e.context, '$.simulated'), '') <> 'true'
