-- Deals that an operator looks at: those that have not ended, the next to end first; then those that have just ended.
-- $1 timestamptz now, $2 timestamptz the earliest end, $3 integer most deals
SELECT d.id, s.safety_stock
  FROM deals d JOIN deal_stock s ON s.deal_id = d.id
 WHERE d.ends_at > $2
 ORDER BY d.ends_at <= $1, d.ends_at, d.id
 LIMIT $3
