-- Intents that could still move money when the provider was last heard of, though their order has ended.
-- $1 integer  most
SELECT p.intent_id
  FROM payments p JOIN orders o ON o.user_id = p.user_id AND o.id = p.order_id
 WHERE p.status NOT IN ('SUCCEEDED', 'CANCELLED', 'REFUNDED')
   AND o.status IN ('EXPIRED', 'CANCELLED', 'REFUNDED', 'ABANDONED', 'PAID')
 ORDER BY p.created_at
 LIMIT $1
