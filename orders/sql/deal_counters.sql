-- One deal's counters, and where its ledger ends.
-- $1 text deal id
SELECT allotment, claimed, sold, safety_stock, ledger_seq, ledger_head, now() AS as_of
  FROM deal_stock
 WHERE deal_id = $1
