-- Visitors of one day by what became of them. Parameters: $begin, $end (milliseconds), $gap.
WITH rows AS (
  SELECT
    d.bucketing_id AS visitor,
    d."at" AS moment,
    json_extract_string(d.body, '$.attributes.industry') AS industry,
    json_extract_string(d.body, '$.decisions[*][1]') AS variants,
    json_extract_string(d.body, '$.decisions[*][2]') AS reasons,
    json_extract_string(d.body, '$.assignments[*].experiment') AS experiments,
    json_extract_string(d.body, '$.assignments[*].arm') AS arms
  FROM decisions AS d
  WHERE d."at" >= $begin AND d."at" < $end
    -- Lists that were asked for are no pages.
    AND json_extract(d.body, '$.decisions') IS NOT NULL
),
told AS (
  SELECT
    visitor,
    moment,
    industry,
    -- Of the whole site: a block that holds somebody out has the same reason.
    coalesce(arms[list_position(experiments, 'holdout')] = 'generic', FALSE) AS held,
    list_contains(reasons, 'no_consent') OR list_contains(reasons, 'disabled') AS refused,
    list_contains(reasons, 'targeted') OR list_contains(reasons, 'learned')
      OR len(list_filter(
        list_zip(variants, reasons), lambda x: x[2] = 'arm' AND x[1] <> 'default'
      )) > 0
      AS personalized,
    coalesce(moment - lag(moment) OVER (PARTITION BY visitor ORDER BY moment), $gap) >= $gap
      AS begins
  FROM rows
),
numbered AS (
  SELECT
    *,
    sum(CASE WHEN begins THEN 1 ELSE 0 END)
      OVER (PARTITION BY visitor ORDER BY moment ROWS UNBOUNDED PRECEDING) AS session
  FROM told
),
sessions AS (
  SELECT
    visitor,
    session,
    bool_or(held) AS held,
    bool_or(refused) AS refused,
    bool_or(personalized) AS personalized,
    arg_max(industry, moment) AS industry
  FROM numbered
  GROUP BY visitor, session
),
visitors AS (
  SELECT
    visitor,
    bool_or(held) AS held,
    bool_or(refused) AS refused,
    bool_or(personalized) AS personalized,
    arg_max(industry, session) AS industry,
    count(*) AS sessions,
    count(CASE WHEN personalized THEN 1 END) AS sessions_personalized
  FROM sessions
  GROUP BY visitor
)
SELECT
  coalesce(industry, '') AS industry,
  count(*) AS everybody,
  count(CASE WHEN held THEN 1 END) AS held,
  count(CASE WHEN refused AND NOT held THEN 1 END) AS refused,
  count(CASE WHEN NOT held AND NOT refused THEN 1 END) AS eligible,
  count(CASE WHEN NOT held AND NOT refused AND personalized THEN 1 END) AS personalized,
  coalesce(sum(CASE WHEN NOT held AND NOT refused THEN sessions END), 0) AS sessions,
  coalesce(sum(CASE WHEN NOT held AND NOT refused THEN sessions_personalized END), 0)
    AS sessions_personalized
FROM visitors
GROUP BY 1
