-- +goose Up

-- A token of an admission is completed once, by one order.
CREATE TABLE completions (
    organization_id text   COLLATE "C" NOT NULL,
    consumer_id     text   COLLATE "C" NOT NULL,
    type            text   COLLATE "C" NOT NULL,
    id              text   COLLATE "C" NOT NULL,
    token_digest    bytea              NOT NULL CHECK (length(token_digest) = 32),
    order_id        text   COLLATE "C" NOT NULL,
    completed_at    bigint             NOT NULL,
    carrier         text   COLLATE "C" NOT NULL CHECK (carrier IN ('participation', 'admission')),
    PRIMARY KEY (organization_id, consumer_id, type, id, token_digest)
);
COMMENT ON COLUMN completions.type IS 'queue, draw, auction or timed_release';
COMMENT ON COLUMN completions.id IS 'of the distribution';
COMMENT ON COLUMN completions.token_digest IS 'SHA-256 of the token';
COMMENT ON COLUMN completions.order_id IS 'of the order that completed it';
COMMENT ON COLUMN completions.completed_at IS 'microseconds since 1970: when the checkout completed it';
COMMENT ON COLUMN completions.carrier IS 'the record that had the token; a purge deletes both together';

INSERT INTO rejoin_schema_version (version_id) VALUES (5);
