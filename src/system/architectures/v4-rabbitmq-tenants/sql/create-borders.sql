-- The second defence. The API, which strangers talk to, works as lab_api: a row of a tenant is there for it only while the setting
-- lab.workspace names its workspace, and without the setting none is. Workers and jobs, which nobody talks to, work as lab_work, for all
-- workspaces. Nobody logs in as lab_identity: it owns the few functions that must look across workspaces (create-identity.sql).
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['lab_api', 'lab_work', 'lab_identity'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT NOLOGIN', name);
    END IF;
  END LOOP;
  FOREACH name IN ARRAY ARRAY['lab_api', 'lab_work'] LOOP
    EXECUTE format('ALTER ROLE %I LOGIN PASSWORD ''lab''', name);
  END LOOP;
  -- No names of one's own to shadow others with, for whoever gets SQL in.
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO lab_work', current_database());
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;

  -- Every table with a workspace in it, also one that is made next year.
  FOR name IN SELECT c.relname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'workspace_id' AND NOT a.attisdropped
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('DROP POLICY IF EXISTS own_workspace ON %I', name);
    -- In a subquery the setting is read once a statement, not once a row.
    EXECUTE format('CREATE POLICY own_workspace ON %I TO lab_api USING (workspace_id = (SELECT nullif(current_setting(''lab.workspace'', true), '''')::integer))', name);
    EXECUTE format('DROP POLICY IF EXISTS all_workspaces ON %I', name);
    EXECUTE format('CREATE POLICY all_workspaces ON %I TO lab_work USING (true)', name);
  END LOOP;
END
$$;

ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_workspace ON workspaces;
CREATE POLICY own_workspace ON workspaces FOR SELECT TO lab_api USING (id = (SELECT nullif(current_setting('lab.workspace', true), '')::integer));
DROP POLICY IF EXISTS all_workspaces ON workspaces;
CREATE POLICY all_workspaces ON workspaces TO lab_work, lab_identity USING (true);
DROP POLICY IF EXISTS identity ON users;
CREATE POLICY identity ON users TO lab_identity USING (true);
DROP POLICY IF EXISTS identity ON memberships;
CREATE POLICY identity ON memberships TO lab_identity USING (true);

-- What each may do at all. The API never sees the table of users, cannot write what tokens are signed with, moves no row to another
-- workspace (no UPDATE of workspace_id), and cannot undo that a key was made.
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM lab_api, lab_identity;
GRANT SELECT ON workspaces, memberships, projects, signing_keys TO lab_api;
GRANT SELECT (workspace_id, id, project_id, name, prefix, sha256, created_at, revoked_at) ON api_keys TO lab_api;
GRANT INSERT (workspace_id, user_id, role), UPDATE (role), DELETE ON memberships TO lab_api;
GRANT INSERT (workspace_id, name), DELETE ON projects TO lab_api;
GRANT INSERT (workspace_id, project_id, name, prefix, sha256), UPDATE (revoked_at) ON api_keys TO lab_api;
GRANT SELECT ON totals, event_aggregations, orders, dead_letters, rollup_state TO lab_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON orders, idempotency_keys, dead_letters, totals, event_aggregations, everybody_aggregations, rollup_state TO lab_work;
GRANT SELECT ON workspaces TO lab_work;
GRANT SELECT, INSERT ON users, workspaces, memberships TO lab_identity;
-- To lock the row of a workspace while its owners are counted.
GRANT UPDATE (name) ON workspaces TO lab_identity
