-- What has to look across workspaces: who logs in, and who owns a new one. Each answers one narrow question, so that whoever works as lab_api
-- can ask for the hash of one account that it knows the e-mail of, and never for a list. All names are written out and the search path is
-- empty: nothing that a caller made can stand in for them.
CREATE OR REPLACE FUNCTION find_login(wanted text) RETURNS TABLE (user_id integer, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT u.id, u.password_hash FROM public.users AS u WHERE u.email = wanted
$$;

CREATE OR REPLACE FUNCTION workspaces_of(asked integer) RETURNS TABLE (id integer, slug text, name text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT w.id, w.slug, w.name, m.role FROM public.memberships AS m JOIN public.workspaces AS w ON w.id = m.workspace_id
  WHERE m.user_id = asked ORDER BY w.id
$$;

CREATE OR REPLACE FUNCTION is_user(asked integer, wanted text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT EXISTS (SELECT FROM public.users AS u WHERE u.id = asked AND u.email = wanted)
$$;

-- Of the workspace that the transaction works in, and of no other.
CREATE OR REPLACE FUNCTION members_of(asked integer) RETURNS TABLE (user_id integer, email text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
  SELECT m.user_id, u.email, m.role FROM public.memberships AS m JOIN public.users AS u ON u.id = m.user_id
  WHERE m.workspace_id = asked AND asked = nullif(pg_catalog.current_setting('lab.workspace', true), '')::integer ORDER BY m.user_id
$$;

-- A new workspace belongs to who made it. Slugs of the form workspace-7 are those that setup makes. LT001: one person has enough of them.
CREATE OR REPLACE FUNCTION create_workspace(owner integer, new_slug text, new_name text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  made integer;
BEGIN
  IF new_slug ~ '^workspace-[0-9]+$' THEN
    RAISE EXCEPTION 'the slug is reserved' USING ERRCODE = '23505';
  END IF;
  IF (SELECT count(*) FROM public.memberships AS m WHERE m.user_id = owner AND m.role = 'owner') >= 20 THEN
    RAISE EXCEPTION 'too many workspaces' USING ERRCODE = 'LT001';
  END IF;
  INSERT INTO public.workspaces (slug, name) VALUES (new_slug, new_name) RETURNING id INTO made;
  INSERT INTO public.memberships (workspace_id, user_id, role) VALUES (made, owner, 'owner');
  RETURN made;
END
$$;

CREATE OR REPLACE FUNCTION sign_up(new_email text, new_hash text, new_slug text, new_name text) RETURNS TABLE (user_id integer, workspace_id integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
  who integer;
BEGIN
  INSERT INTO public.users (email, password_hash) VALUES (new_email, new_hash) RETURNING id INTO who;
  RETURN QUERY SELECT who, public.create_workspace(who, new_slug, new_name);
END
$$;

-- A workspace keeps an owner. It runs after the change and takes the workspace's row first, so of two changes at once the second waits, and
-- counts what the first has left. LT002: that was the last owner.
CREATE OR REPLACE FUNCTION keep_an_owner() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  PERFORM FROM public.workspaces AS w WHERE w.id = OLD.workspace_id FOR NO KEY UPDATE;
  IF FOUND AND NOT EXISTS (SELECT FROM public.memberships AS m WHERE m.workspace_id = OLD.workspace_id AND m.role = 'owner') THEN
    RAISE EXCEPTION 'a workspace keeps an owner' USING ERRCODE = 'LT002';
  END IF;
  RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER keep_an_owner AFTER UPDATE OR DELETE ON memberships
  FOR EACH ROW WHEN (OLD.role = 'owner') EXECUTE FUNCTION keep_an_owner();

DO $$
DECLARE
  asked regprocedure;
BEGIN
  FOREACH asked IN ARRAY ARRAY['find_login(text)', 'workspaces_of(integer)', 'is_user(integer, text)', 'members_of(integer)',
    'create_workspace(integer, text, text)', 'sign_up(text, text, text, text)', 'keep_an_owner()']::regprocedure[]
  LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO lab_identity', asked);
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', asked);
    IF asked <> 'keep_an_owner()'::regprocedure THEN
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO lab_api', asked);
    END IF;
  END LOOP;
END
$$
