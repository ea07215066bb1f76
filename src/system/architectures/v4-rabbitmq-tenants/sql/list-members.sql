SELECT user_id AS "user", email, role FROM members_of($1)
