-- More buyers with live sessions, $1 of them; nobody knows their tokens.
WITH made AS (
    INSERT INTO users (id, email, name, role)
    SELECT 'usr_7' || lpad(n::text, 25, '0'), 'grown-' || n || '@seed.example', 'Grown ' || n, 'BUYER'
    FROM generate_series(1, $1::int) AS n
    RETURNING id
)
INSERT INTO sessions (token_hash, user_id, expires_at)
SELECT sha256(id::bytea), id, now() + interval '1 day' FROM made
