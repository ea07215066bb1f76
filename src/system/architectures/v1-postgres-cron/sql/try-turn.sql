-- Of all aggregators of a schema one has the turn, until its transaction ends. 10 is the lock of the setup, 11 of who makes partitions.
SELECT pg_try_advisory_xact_lock(12, hashtext(current_schema())) AS mine
