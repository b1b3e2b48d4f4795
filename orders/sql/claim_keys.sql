-- Take idempotency keys that are free; a key that is being taken elsewhere is waited for.
-- $1.. parallel arrays, an element per key
INSERT INTO idempotency_keys (user_id, key, request_hash, order_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) AS k (user_id, key, request_hash, order_id)
 ORDER BY user_id, key
    ON CONFLICT DO NOTHING
RETURNING user_id, key
