-- Insert a batch of orders with their keys and lines, and add to what their buyers have; the caller has locked the deals.
-- Answers whether all of it was new and within the limits: if not, nothing of it may be committed.
-- $1..$10 parallel arrays, an element per order; $11..$17 per line; $18..$20 per buyer and deal
WITH placed AS (
    INSERT INTO orders (user_id, id, number, checkout_id, status, rank, owns_units, total_minor, currency, placed_at,
                        payment_due_at, checked_at)
    SELECT user_id, id, number, checkout_id, 'PENDING_PAYMENT', 1, true, total_minor, currency, placed_at,
           payment_due_at, placed_at
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::timestamptz[],
                  $8::timestamptz[])
           AS o (user_id, id, number, checkout_id, total_minor, currency, placed_at, payment_due_at)
     ORDER BY user_id, id
        ON CONFLICT DO NOTHING
    RETURNING 1
), keys AS (
    -- A key that is being taken elsewhere is waited for.
    INSERT INTO idempotency_keys (user_id, key, request_hash, order_id)
    SELECT * FROM unnest($1::text[], $9::text[], $10::bytea[], $2::text[]) AS k (user_id, key, request_hash, order_id)
     ORDER BY user_id, key
        ON CONFLICT DO NOTHING
    RETURNING 1
), lines AS (
    INSERT INTO order_lines (user_id, order_id, deal_id, position, title, quantity, unit_price_minor)
    SELECT *
      FROM unnest($11::text[], $12::text[], $13::text[], $14::smallint[], $15::text[], $16::integer[], $17::integer[])
        ON CONFLICT DO NOTHING
    RETURNING 1
), buyers AS (
    INSERT INTO deal_buyers (user_id, deal_id, units)
    SELECT * FROM unnest($18::text[], $19::text[], $20::integer[])
        ON CONFLICT (user_id, deal_id) DO UPDATE SET units = deal_buyers.units + excluded.units
    RETURNING deal_id, units
)
SELECT (SELECT count(*) FROM placed) = cardinality($2)
   AND (SELECT count(*) FROM keys) = cardinality($9)
   AND (SELECT count(*) FROM lines) = cardinality($12)
   AND NOT EXISTS (
       SELECT FROM buyers b JOIN deals d ON d.id = b.deal_id WHERE b.units > d.purchase_limit)
