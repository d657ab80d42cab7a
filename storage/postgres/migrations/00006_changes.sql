-- +goose Up

-- What transactions of the last minutes changed, for feeds that did not receive a
-- notification. A crash of the server empties it, and breaks the connections of all feeds,
-- which then read everything again.
CREATE UNLOGGED TABLE rejoin_changes (
    xid           xid8     NOT NULL,
    consumers     bigint[] NOT NULL,
    distributions bigint[] NOT NULL
);
CREATE INDEX rejoin_changes_by_xid ON rejoin_changes (xid);
COMMENT ON COLUMN rejoin_changes.xid IS 'the transaction';
COMMENT ON COLUMN rejoin_changes.consumers IS 'hashes of the consumers';
COMMENT ON COLUMN rejoin_changes.distributions IS 'hashes of the distributions';

INSERT INTO rejoin_schema_version (version_id) VALUES (6);
