-- The events of the inbox that are not handled yet, the oldest first. Only additions.
CREATE INDEX inbox_unhandled ON inbox (received_at) WHERE handled_at IS NULL;
