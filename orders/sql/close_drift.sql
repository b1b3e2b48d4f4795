-- Note that differences about orders and money are gone, by what has become of their orders and intents.
-- $1 timestamptz  now
UPDATE drift
   SET repaired_at = $1
 WHERE repaired_at IS NULL
   AND CASE class
       WHEN 'STUCK_ORDER' THEN NOT EXISTS (
           SELECT FROM orders o
            WHERE o.user_id = drift.user_id AND o.id = drift.order_id
              AND o.status IN ('PENDING_PAYMENT', 'CANCELLING', 'EXPIRING', 'REFUND_PENDING'))
       -- No money can move for it any more; one that was paid meanwhile is another difference.
       WHEN 'ORPHAN_INTENT' THEN EXISTS (
           SELECT FROM payments p
            WHERE p.user_id = drift.user_id AND p.order_id = drift.order_id AND p.intent_id = drift.intent_id
              AND p.status IN ('CANCELLED', 'REFUNDED', 'SUCCEEDED'))
       -- An order stands for the money, or it was sent back.
       WHEN 'PAID_WITHOUT_ORDER' THEN EXISTS (
           SELECT FROM payments p
            WHERE p.user_id = drift.user_id AND p.order_id = drift.order_id AND p.intent_id = drift.intent_id
              AND p.status = 'REFUNDED')
        OR EXISTS (
           SELECT FROM orders o
            WHERE o.user_id = drift.user_id AND o.id = drift.order_id
              AND (o.status IN ('REFUND_PENDING', 'UNDER_REVIEW')
                   OR o.status = 'PAID' AND o.paid_by = drift.intent_id))
       -- Of a gate: the next look at it tells, unless there is no such deal any more.
       ELSE NOT EXISTS (SELECT FROM deals d WHERE d.id = drift.deal_id) END
