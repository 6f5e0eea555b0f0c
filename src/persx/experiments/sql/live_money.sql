-- In which currencies the values of each goal are, '' where an event names none.
WITH {with goal_events}
SELECT goal, currency, count(*) AS events
FROM goal_events
WHERE value IS NOT NULL AND timestamp < $until
GROUP BY 1, 2
ORDER BY 1, 3 DESC, 2
