-- The workspaces that setup made, in their order, each with one owner and its project.
SELECT w.id AS workspace, p.id AS project, m.user_id AS "user"
FROM generate_series(1, $1::integer) AS n
JOIN workspaces AS w ON w.slug = 'workspace-' || n
JOIN projects AS p ON p.workspace_id = w.id AND p.name = 'orders'
JOIN LATERAL (SELECT user_id FROM memberships WHERE workspace_id = w.id AND role = 'owner' ORDER BY user_id LIMIT 1) AS m ON true
ORDER BY n
