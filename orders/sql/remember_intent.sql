-- Write down what the provider said of an intent; what was refunded stays refunded, and is not returned.
-- The answer of opening may come late: it may move a status towards its end, but not back from what was heard meanwhile.
-- Answers what is recorded now, and where its order is. Of an opening the row is not awaited on disk, and a crash of
-- Postgres may lose it: the provider tells it again, to whoever opens the intent with the same key.
-- $1 text user, $2 text order, $3 text intent, $4 text status, $5 bigint amount, $6 text currency, $7 text client secret,
-- $8 text failure message, $9 timestamptz when it was created, $10 boolean  it is the answer of opening
INSERT INTO payments AS p (user_id, order_id, intent_id, status, amount_minor, currency, client_secret, failure_message,
                           created_at)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
  FROM (SELECT set_config('synchronous_commit',
                          CASE WHEN $10::boolean THEN 'off' ELSE current_setting('synchronous_commit') END, true)) AS commit
 WHERE commit IS NOT NULL
    ON CONFLICT (user_id, order_id, intent_id) DO UPDATE
   SET (status, failure_message) = (
       SELECT CASE WHEN news THEN excluded.status ELSE p.status END,
              CASE WHEN news THEN excluded.failure_message ELSE p.failure_message END
         FROM (SELECT NOT $10 OR p.status = 'REQUIRES_PAYMENT'
                      OR (p.status NOT IN ('SUCCEEDED', 'CANCELLED') AND excluded.status IN ('SUCCEEDED', 'CANCELLED'))
                      AS news) AS heard),
       client_secret = coalesce(excluded.client_secret, p.client_secret), updated_at = now()
 WHERE p.status <> 'REFUNDED'
RETURNING status, intent_id, client_secret, failure_message,
          (SELECT o.status FROM orders o WHERE o.user_id = $1 AND o.id = $2) AS order_status
