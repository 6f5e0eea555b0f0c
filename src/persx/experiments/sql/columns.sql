-- The columns of an imported file: no row, only their names.
SELECT * FROM {table} AS r LIMIT 0
