-- Identities whose oldest verified identity is another, as exposures name them.
joined AS MATERIALIZED (
  SELECT
    md5_number_lower(CAST(identity AS VARCHAR)) AS identity,
    md5_number_lower(CAST(bucketing_id AS VARCHAR)) AS unit
  FROM bucketing
)
