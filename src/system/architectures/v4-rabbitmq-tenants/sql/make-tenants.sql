-- workspace-1 … workspace-n, each with an owner whom nobody can log in as (the hash fits no password) and the project "orders". What is there stays.
WITH wanted AS (
  SELECT 'workspace-' || n AS slug, 'Workspace ' || n AS name, 'owner@workspace-' || n || '.invalid' AS email FROM generate_series(1, $1::integer) AS n
), made AS (
  INSERT INTO workspaces (slug, name) SELECT slug, name FROM wanted WHERE NOT EXISTS (SELECT FROM workspaces AS w WHERE w.slug = wanted.slug)
  ORDER BY length(slug), slug RETURNING id, slug
), owners AS (
  INSERT INTO users (email, password_hash) SELECT email, '!' FROM wanted JOIN made USING (slug) ORDER BY made.id RETURNING id, email
), members AS (
  INSERT INTO memberships (workspace_id, user_id, role) SELECT made.id, owners.id, 'owner' FROM made JOIN wanted USING (slug) JOIN owners USING (email)
)
INSERT INTO projects (workspace_id, name) SELECT id, 'orders' FROM made ORDER BY id
