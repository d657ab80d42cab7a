-- +goose Up

CREATE TABLE changes (
    revision      INTEGER NOT NULL PRIMARY KEY, -- counts without a gap; the oldest are dropped
    consumer_hash INTEGER NOT NULL              -- whose records changed: the first 8 bytes of SHA-256 of organization id, NUL, consumer id
) STRICT;

INSERT INTO rejoin_schema_version (version_id) VALUES (2);
