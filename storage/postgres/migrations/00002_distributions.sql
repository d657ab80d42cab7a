-- +goose Up

-- One record per distribution holds what is true of all participations in it.
CREATE TABLE distributions (
    organization_id text    COLLATE "C" NOT NULL,
    type            text    COLLATE "C" NOT NULL,
    id              text    COLLATE "C" NOT NULL,
    updated_at      bigint              NOT NULL,
    rank            bigint              NOT NULL,
    ended_at        bigint,
    winner_digest   bytea               CHECK (length(winner_digest) = 32),
    record          text    COLLATE "C" NOT NULL,
    PRIMARY KEY (organization_id, type, id)
);
COMMENT ON COLUMN distributions.type IS 'queue, draw, auction or timed_release';
COMMENT ON COLUMN distributions.updated_at IS 'microseconds since 1970: when the state became true';
COMMENT ON COLUMN distributions.rank IS 'decides at equal times: the end, then the number of called tickets';
COMMENT ON COLUMN distributions.ended_at IS 'microseconds since 1970, NULL if it did not end';
COMMENT ON COLUMN distributions.winner_digest IS 'SHA-256 of organization id, NUL, consumer id';
COMMENT ON COLUMN distributions.record IS 'canonical JSON, for example record::json ->> ''serving''; winnerId is the digest in hexadecimal';

CREATE INDEX distributions_ended ON distributions (ended_at) WHERE ended_at IS NOT NULL;

-- A purge searches the participations in a distribution that ended.
CREATE INDEX participations_distribution ON participations (organization_id, type, id);

-- A former consumer was erased, or merged into another one.
ALTER TABLE erasures RENAME TO former_consumers;
ALTER INDEX erasures_pkey RENAME TO former_consumers_pkey;
ALTER TABLE former_consumers ADD COLUMN successor_id text COLLATE "C";
COMMENT ON COLUMN former_consumers.successor_id IS 'the consumer that it was merged into, NULL if it was erased';

CREATE INDEX former_consumers_successor ON former_consumers (organization_id, successor_id) WHERE successor_id IS NOT NULL;

INSERT INTO rejoin_schema_version (version_id) VALUES (2);
