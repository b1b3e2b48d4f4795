-- Write new counters of locked deals and the ledger entries that explain them, in one statement.
-- $1.. parallel arrays, an element per entry, in the order of the entries; order ids joined by commas.
WITH entries AS (
    SELECT * FROM unnest(
        $1::text[], $2::bigint[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::integer[],
        $9::integer[], $10::integer[], $11::timestamptz[], $12::bytea[], $13::bytea[], $14::integer[]
    ) AS e (deal_id, seq, reason, units, order_ids, actor, note, allotment, claimed, sold, at, prev_hash, hash,
            safety_stock)
), moved AS (
    UPDATE deal_stock s
       SET allotment = e.allotment, claimed = e.claimed, sold = e.sold, safety_stock = e.safety_stock,
           ledger_seq = e.seq, ledger_head = e.hash, updated_at = e.at
      FROM entries e
     WHERE s.deal_id = e.deal_id
       AND e.seq = (SELECT max(newest.seq) FROM entries newest WHERE newest.deal_id = e.deal_id)
)
INSERT INTO stock_ledger (deal_id, seq, reason, units, order_ids, actor, note, allotment, claimed, sold, at,
                          prev_hash, hash)
SELECT deal_id, seq, reason, units, string_to_array(order_ids, ','), actor, note, allotment, claimed, sold, at,
       prev_hash, hash
  FROM entries
