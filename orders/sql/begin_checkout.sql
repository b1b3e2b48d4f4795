-- What a checkout begins with: the terms of its deals, and the checkout itself where it has begun before.
-- A row for each deal that exists.
-- $1 text user, $2 text checkout, $3 text[] deals
SELECT d.id AS deal_id, d.title, d.price_minor, d.currency AS deal_currency, d.starts_at, d.ends_at, d.paused_at,
       c.id, c.user_id, c.lines, c.total_minor, c.currency, c.expires_at, c.superseded_at,
       EXISTS (SELECT FROM orders o WHERE o.user_id = $1 AND o.checkout_id = $2) AS placed
  FROM deals d
  LEFT JOIN checkouts c ON c.user_id = $1 AND c.id = $2
 WHERE d.id = ANY ($3::text[])
