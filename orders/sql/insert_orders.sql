-- Insert a batch of orders; an order that exists already is left alone and not returned.
-- $1.. parallel arrays, an element per order
INSERT INTO orders (user_id, id, number, checkout_id, status, rank, owns_units, total_minor, currency, placed_at,
                    payment_due_at, checked_at)
SELECT user_id, id, number, checkout_id, 'PENDING_PAYMENT', 1, true, total_minor, currency, placed_at,
       payment_due_at, placed_at
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::timestamptz[],
              $8::timestamptz[])
       AS o (user_id, id, number, checkout_id, total_minor, currency, placed_at, payment_due_at)
 ORDER BY user_id, id
    ON CONFLICT DO NOTHING
RETURNING user_id, id
