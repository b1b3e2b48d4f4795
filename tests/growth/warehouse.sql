-- A shop that has been open for long, so many times over: what is open stays as much, what is over grows.
-- Run as a template: {scale} is 1 or more.
INSERT INTO users (id, email, name)
SELECT 'usr_' || lpad(n::text, 26, '0'), 'buyer' || n || '@growth.example', 'Buyer ' || n
  FROM generate_series(0, 100 * {scale} - 1) AS n;
INSERT INTO sessions (token_hash, user_id, expires_at)
SELECT sha256(n::text::bytea), 'usr_' || lpad(n::text, 26, '0'), now() + interval '1 day'
  FROM generate_series(0, 100 * {scale} - 1) AS n;
-- Thirty deals that are live, ten to come, three paused; all others are over.
INSERT INTO deals (id, product_id, category, title, price_minor, list_price_minor, currency, discount_percent, starts_at,
                   ends_at, paused_at, purchase_limit, epoch, created_at)
SELECT 'deal_' || lpad(n::text, 26, '0'), 'prod_' || lpad((n % 50)::text, 26, '0'), 'Category ' || n % 10, 'Deal ' || n,
       100 + n * 7919 % 10007, 20000, 'USD', n * 31 % 90,
       CASE WHEN n BETWEEN 31 AND 40 THEN now() + interval '1 hour' WHEN n <= 43 THEN now() - interval '1 hour'
            ELSE now() - n * interval '2 minutes' - interval '4 hours' END,
       CASE WHEN n <= 43 THEN now() + interval '2 hours' + n * interval '1 second'
            ELSE now() - n * interval '2 minutes' - interval '3 hours' END,
       CASE WHEN n BETWEEN 41 AND 43 THEN now() END,
       1000000, 1, now() - n * interval '3 minutes'
  FROM generate_series(1, 100 * {scale}) AS n;
INSERT INTO deal_stock (deal_id, allotment)
SELECT id, 1000000 FROM deals;
INSERT INTO checkouts (user_id, id, lines, total_minor, currency, expires_at)
SELECT 'usr_' || lpad((CASE WHEN n % 10 = 0 THEN 0 ELSE n % (100 * {scale}) END)::text, 26, '0'),
       'chk_' || lpad(n::text, 26, '0'), '[]', 3000, 'USD', now() - n * interval '1 minute'
  FROM generate_series(1, 300 * {scale}) AS n;
-- A tenth of all orders is one buyer's. Forty wait for their payment, ten of them for too long.
INSERT INTO orders (user_id, id, number, checkout_id, status, rank, owns_units, total_minor, currency, placed_at,
                    payment_due_at, checked_at, paid_by)
SELECT 'usr_' || lpad((CASE WHEN n % 10 = 0 THEN 0 ELSE n % (100 * {scale}) END)::text, 26, '0'),
       'ord_' || lpad(n::text, 26, '0'), 'FS-' || n, 'chk_' || lpad(n::text, 26, '0'),
       CASE WHEN n <= 40 THEN 'PENDING_PAYMENT' WHEN n % 7 = 0 THEN 'EXPIRED' ELSE 'PAID' END,
       CASE WHEN n <= 40 THEN 1 WHEN n % 7 = 0 THEN 3 ELSE 2 END, n <= 40 OR n % 7 > 0, 3000, 'USD',
       now() - n * interval '1 minute',
       CASE WHEN n <= 10 THEN now() - interval '1 second' WHEN n <= 40 THEN now() + interval '10 minutes'
            ELSE now() - n * interval '1 minute' END,
       now() - n * interval '1 minute',
       CASE WHEN n > 40 AND n % 7 > 0 THEN 'pi_' || n END
  FROM generate_series(1, 300 * {scale}) AS n;
INSERT INTO order_lines (user_id, order_id, deal_id, position, title, quantity, unit_price_minor)
SELECT o.user_id, o.id, 'deal_' || lpad(CASE k WHEN 1 THEN '1' ELSE (2 + (o.n * 2 + k) % (100 * {scale} - 1))::text END, 26, '0'),
       k, 'Deal', 1, 1000
  FROM (SELECT user_id, id, substr(id, 5)::bigint AS n FROM orders) AS o, generate_series(1, 3) AS k;
INSERT INTO deal_buyers (user_id, deal_id, units)
SELECT user_id, deal_id, sum(quantity) FROM order_lines GROUP BY user_id, deal_id;
INSERT INTO payments (user_id, order_id, intent_id, status, amount_minor, currency, client_secret)
SELECT user_id, id, 'pi_' || substr(id, 5)::bigint,
       CASE status WHEN 'PAID' THEN 'SUCCEEDED' WHEN 'EXPIRED' THEN 'CANCELLED' ELSE 'REQUIRES_PAYMENT' END, 3000, 'USD', 's'
  FROM orders;
INSERT INTO idempotency_keys (user_id, key, request_hash, order_id)
SELECT user_id, 'key ' || id, '\x00', id FROM orders;
INSERT INTO stock_ledger (deal_id, seq, reason, units, order_ids, actor, allotment, claimed, sold, at, prev_hash, hash)
SELECT 'deal_' || lpad((1 + n % 3)::text, 26, '0'), 1 + n / 3, 'CLAIMED', 1, '{{}}', 'buyers', 1000000, 0, 0, now(), '\x', '\x'
  FROM generate_series(1, 300 * {scale}) AS n;
UPDATE deal_stock s SET claimed = 500000, sold = 400000, ledger_seq = (SELECT coalesce(max(seq), 0) FROM stock_ledger l WHERE l.deal_id = s.deal_id);
INSERT INTO inbox (event_id, type, payload, received_at, handled_at)
SELECT 'evt_' || n, 'payment_intent.succeeded', '{{}}', now() - n * interval '1 minute',
       CASE WHEN n > 5 THEN now() END
  FROM generate_series(1, 300 * {scale}) AS n;
INSERT INTO notifications (user_id, fact)
SELECT user_id, 'order_confirmed:' || id FROM orders
