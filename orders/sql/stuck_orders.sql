-- Orders that have been in a state of passage for too long, the longest unheard of first. A bank may take a day to
-- confirm a refund.
-- $1 timestamptz  since when at least, $2 integer  most
SELECT o.user_id, o.id, o.status,
       CASE o.status WHEN 'PENDING_PAYMENT' THEN o.payment_due_at ELSE o.updated_at END AS since,
       (SELECT l.deal_id FROM order_lines l
         WHERE l.user_id = o.user_id AND l.order_id = o.id ORDER BY l.position, l.deal_id LIMIT 1) AS deal_id,
       (SELECT coalesce(sum(l.quantity), 0)::integer FROM order_lines l
         WHERE l.user_id = o.user_id AND l.order_id = o.id) AS units
  FROM orders o
 WHERE o.status IN ('PENDING_PAYMENT', 'CANCELLING', 'EXPIRING', 'REFUND_PENDING')
   AND CASE o.status WHEN 'PENDING_PAYMENT' THEN o.payment_due_at
                     WHEN 'REFUND_PENDING' THEN o.updated_at + interval '1 day'
                     ELSE o.updated_at END < $1
 ORDER BY o.checked_at
 LIMIT $2
