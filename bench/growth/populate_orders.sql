-- The orders $1 to $2: of one line, paid and then refunded, spread over all buyers and deals, with all that they left.
WITH given AS (
    SELECT n, 'ord_7' || lpad(n::text, 25, '0') AS order_id, 'chk_7' || lpad(n::text, 25, '0') AS checkout_id,
           u.id AS user_id, d.id AS deal_id, d.title, d.price_minor, d.currency
    FROM generate_series($1::int, $2::int) AS n
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS buyers FROM users) AS u
      ON u.place = 1 + n % u.buyers
    JOIN (SELECT *, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS deals FROM deals) AS d
      ON d.place = 1 + (n / 7) % d.deals
), checked_out AS (
    INSERT INTO checkouts (user_id, id, lines, total_minor, currency, expires_at)
    SELECT user_id, checkout_id, jsonb_build_array(jsonb_build_object('deal_id', deal_id, 'title', title,
           'quantity', 1, 'unit_price_minor', price_minor)), price_minor, currency, now() FROM given
), ordered AS (
    INSERT INTO orders (user_id, id, number, checkout_id, status, rank, owns_units, total_minor, currency,
                        placed_at, payment_due_at, checked_at)
    SELECT user_id, order_id, 'G-' || n, checkout_id, 'REFUNDED', 3, false, price_minor, currency,
           now() - interval '1 day', now() - interval '1 day', now() - interval '1 day' FROM given
), lined AS (
    INSERT INTO order_lines (user_id, order_id, deal_id, position, title, quantity, unit_price_minor)
    SELECT user_id, order_id, deal_id, 0, title, 1, price_minor FROM given
), paid AS (
    INSERT INTO payments (user_id, order_id, intent_id, status, amount_minor, currency)
    SELECT user_id, order_id, 'pi_grown_' || n, 'SUCCEEDED', price_minor, currency FROM given
), counted AS (
    INSERT INTO deal_buyers (user_id, deal_id, units)
    SELECT DISTINCT user_id, deal_id, 0 FROM given ON CONFLICT DO NOTHING
)
INSERT INTO idempotency_keys (user_id, key, request_hash, order_id)
SELECT user_id, 'grown-' || n, sha256(order_id::bytea), order_id FROM given
