-- What still has to be told to a deal's gate, at work or waiting.
-- $1 text deal id
SELECT j.entrypoint, o.order_id, coalesce((j.payload ->> 'restock')::boolean, true) = false AS writes_off
  FROM (SELECT entrypoint, convert_from(payload, 'UTF8')::jsonb AS payload
          FROM pgqueuer
         WHERE entrypoint IN ('orders_placed', 'gate_message', 'stock_added', 'deal_changed')
           AND position($1 IN convert_from(payload, 'UTF8')) > 0) AS j
  LEFT JOIN LATERAL (
       SELECT j.payload ->> 'order_id' AS order_id
        WHERE j.entrypoint = 'gate_message'
        UNION ALL
       SELECT placed ->> 'order_id'
         FROM jsonb_array_elements(j.payload -> 'orders') AS placed
        WHERE j.entrypoint = 'orders_placed') AS o ON true
