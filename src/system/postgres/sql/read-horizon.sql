-- Nothing more can come with persisted_at before this moment: a row gets it after its transaction began, and every transaction that began
-- before is over. A transaction shows up here a little after it has begun, hence the seconds.
SELECT least(clock_timestamp() - interval '5 s', min(xact_start))::text AS horizon
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()
