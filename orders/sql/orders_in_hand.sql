-- Which of these orders a job is about to settle, at work or waiting.
-- $1 text[] order ids
WITH jobs AS (
    SELECT entrypoint, convert_from(payload, 'UTF8')::jsonb AS payload
      FROM pgqueuer
     WHERE entrypoint IN ('settle', 'refund', 'payment_event')
)
SELECT j.payload ->> 'order_id' AS order_id
  FROM jobs j
 WHERE j.payload ->> 'order_id' = ANY ($1::text[])
 UNION
SELECT i.order_id
  FROM jobs j JOIN inbox i ON i.event_id = j.payload ->> 'event_id'
 WHERE j.entrypoint = 'payment_event' AND i.order_id = ANY ($1::text[])
