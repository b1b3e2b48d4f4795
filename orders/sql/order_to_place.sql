-- All that decides about a placeOrder before its units are claimed: the key, the checkout's order, the checkout.
-- Always one row; what is not there is NULL.
-- $1 text user, $2 text idempotency key, $3 text checkout
SELECT k.request_hash, k.order_id AS key_order_id,
       o.id AS order_id, o.total_minor AS order_total_minor, o.currency AS order_currency,
       c.id, c.user_id, c.lines, c.total_minor, c.currency, c.expires_at, c.superseded_at
  FROM (VALUES (1)) AS one
  LEFT JOIN idempotency_keys k ON k.user_id = $1 AND k.key = $2
  LEFT JOIN orders o ON o.user_id = $1 AND o.checkout_id = $3 AND o.status <> 'ABANDONED'
  LEFT JOIN checkouts c ON c.user_id = $1 AND c.id = $3
