-- All that decides about placeOrders before their units are claimed: keys, the checkouts' orders, the checkouts.
-- A row for each, in the order asked for; what is not there is NULL. OFFSET 0 has each looked up by its key.
-- $1.. parallel arrays: text[] users, text[] idempotency keys, text[] checkouts
SELECT k.request_hash, k.order_id AS key_order_id,
       o.id AS order_id, o.total_minor AS order_total_minor, o.currency AS order_currency,
       c.id, c.user_id, c.lines, c.total_minor, c.currency, c.expires_at, c.superseded_at
  FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (user_id, key, checkout_id, place)
  LEFT JOIN LATERAL (
       SELECT request_hash, order_id FROM idempotency_keys
        WHERE user_id = a.user_id AND key = a.key OFFSET 0) k ON true
  LEFT JOIN LATERAL (
       SELECT id, total_minor, currency FROM orders
        WHERE user_id = a.user_id AND checkout_id = a.checkout_id AND status <> 'ABANDONED' OFFSET 0) o ON true
  LEFT JOIN LATERAL (
       SELECT * FROM checkouts WHERE user_id = a.user_id AND id = a.checkout_id OFFSET 0) c ON true
 ORDER BY a.place
