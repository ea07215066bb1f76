-- The memory of the service `job`: Flink keeps none of its own here, as that takes a ZooKeeper. Newest first they are where a job that
-- Flink has forgotten is started from; `plan` says from which text of the job, as the state of another one fits no more.
CREATE TABLE IF NOT EXISTS flink_checkpoints (
  path         text        PRIMARY KEY,
  job_id       text        NOT NULL,
  plan         text        NOT NULL,
  completed_at timestamptz NOT NULL
)
