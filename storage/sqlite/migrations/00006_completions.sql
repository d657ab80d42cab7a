-- +goose Up

-- A token of an admission is completed once, by one order.
CREATE TABLE completions (
    organization_id TEXT    NOT NULL,
    consumer_id     TEXT    NOT NULL,
    type            TEXT    NOT NULL, -- queue, draw, auction or timed_release
    id              TEXT    NOT NULL, -- of the distribution
    token_digest    BLOB    NOT NULL CHECK (length(token_digest) = 32), -- SHA-256 of the token
    order_id        TEXT    NOT NULL, -- of the order that completed it
    completed_at    INTEGER NOT NULL, -- microseconds since 1970: when the checkout completed it
    carrier         TEXT    NOT NULL CHECK (carrier IN ('participation', 'admission')), -- the record that had the token; a purge deletes both together
    PRIMARY KEY (organization_id, consumer_id, type, id, token_digest)
) STRICT, WITHOUT ROWID;

INSERT INTO rejoin_schema_version (version_id) VALUES (6);
