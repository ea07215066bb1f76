-- How much of the primary's log the replica has replayed, in bytes, and how long ago the last transaction in it was committed.
SELECT
  pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::float8 AS bytes,
  extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS age_s
