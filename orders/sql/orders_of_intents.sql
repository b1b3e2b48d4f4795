-- Intents beside their orders: its status and payer (NULL: there is no order), what is recorded of the intent,
-- the order's first deal and all its units.
-- $1.. parallel arrays: text[] users, text[] orders, text[] intents
SELECT i.intent_id, o.status, o.paid_by, p.status AS recorded,
       (SELECT l.deal_id FROM order_lines l
         WHERE l.user_id = i.user_id AND l.order_id = i.order_id ORDER BY l.position, l.deal_id LIMIT 1) AS deal_id,
       (SELECT coalesce(sum(l.quantity), 0)::integer FROM order_lines l
         WHERE l.user_id = i.user_id AND l.order_id = i.order_id) AS units
  FROM unnest($1::text[], $2::text[], $3::text[]) AS i (user_id, order_id, intent_id)
  LEFT JOIN orders o ON o.user_id = i.user_id AND o.id = i.order_id
  LEFT JOIN payments p ON p.user_id = i.user_id AND p.order_id = i.order_id AND p.intent_id = i.intent_id
