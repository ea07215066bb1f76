-- Who there is and what each may do. Numbers are given once and never again, so that what is left of a workspace never belongs to another.
CREATE TABLE IF NOT EXISTS workspaces (
  id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  slug text NOT NULL UNIQUE,
  name text NOT NULL
);
-- A hash of '!' fits no password: such an account is used by who can reach the database, and nobody logs in to it.
CREATE TABLE IF NOT EXISTS users (
  id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email         text NOT NULL UNIQUE,
  password_hash text NOT NULL
);
CREATE TABLE IF NOT EXISTS memberships (
  workspace_id integer NOT NULL REFERENCES workspaces ON DELETE CASCADE,
  user_id      integer NOT NULL REFERENCES users ON DELETE CASCADE,
  role         text    NOT NULL CHECK (role IN ('owner', 'member', 'viewer')),
  PRIMARY KEY (workspace_id, user_id)
);
CREATE TABLE IF NOT EXISTS projects (
  workspace_id integer NOT NULL REFERENCES workspaces ON DELETE CASCADE,
  id           integer GENERATED ALWAYS AS IDENTITY,
  name         text    NOT NULL,
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, name)
);
CREATE TABLE IF NOT EXISTS api_keys (
  workspace_id integer     NOT NULL,
  id           integer     GENERATED ALWAYS AS IDENTITY,
  project_id   integer     NOT NULL,
  name         text        NOT NULL,
  -- What a key is looked up by; tells nothing of the rest.
  prefix       text        NOT NULL,
  sha256       bytea       NOT NULL CHECK (length(sha256) = 32),
  created_at   timestamptz NOT NULL DEFAULT now(),
  revoked_at   timestamptz,
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, prefix),
  FOREIGN KEY (workspace_id, project_id) REFERENCES projects (workspace_id, id) ON DELETE CASCADE
);
-- Cascades and the question which workspaces somebody is in begin at the user.
CREATE INDEX IF NOT EXISTS memberships_user ON memberships (user_id);
CREATE INDEX IF NOT EXISTS api_keys_project ON api_keys (workspace_id, project_id);
-- What tokens are signed with; the newest signs, all verify.
CREATE TABLE IF NOT EXISTS signing_keys (
  kid        text        PRIMARY KEY,
  secret     bytea       NOT NULL CHECK (length(secret) >= 32),
  created_at timestamptz NOT NULL DEFAULT now()
)
