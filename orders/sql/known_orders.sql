-- What is known of orders that somebody wants to place: by their idempotency keys, and by their ids. A row for each, in
-- the order asked for. OFFSET 0 has each looked up by its key: a hash join would read the tables whole.
-- $1.. parallel arrays: text[] users, text[] keys, text[] order ids
SELECT k.request_hash, k.order_id AS key_order_id, o.status, o.placed_at
  FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS d (user_id, key, id, place)
  LEFT JOIN LATERAL (
       SELECT request_hash, order_id FROM idempotency_keys
        WHERE user_id = d.user_id AND key = d.key OFFSET 0) k ON true
  LEFT JOIN LATERAL (
       SELECT status, placed_at FROM orders WHERE user_id = d.user_id AND id = d.id OFFSET 0) o ON true
 ORDER BY d.place
