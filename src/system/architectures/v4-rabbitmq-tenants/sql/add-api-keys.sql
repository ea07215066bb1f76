INSERT INTO api_keys (workspace_id, project_id, name, prefix, sha256)
SELECT * FROM unnest($1::integer[], $2::integer[], array_fill($3::text, ARRAY[cardinality($1::integer[])]), $4::text[], $5::bytea[])
