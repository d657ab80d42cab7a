-- +goose Up

CREATE TABLE rejoin_schema_version (
    version_id bigint      PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- Every primary key begins with the organization, so that the tables can be
-- distributed by it and one consumer's records are found together. Text compares in
-- byte order (COLLATE "C"), whatever the database's locale; the order decides ties
-- between writes.

CREATE TABLE consumers (
    organization_id text   COLLATE "C" NOT NULL,
    id              text   COLLATE "C" NOT NULL,
    updated_at      bigint             NOT NULL,
    record          text   COLLATE "C" NOT NULL,
    PRIMARY KEY (organization_id, id)
);
COMMENT ON COLUMN consumers.updated_at IS 'microseconds since 1970: when the profile became true';
COMMENT ON COLUMN consumers.record IS 'canonical JSON, for example record::json ->> ''email''';

CREATE TABLE participations (
    organization_id text    COLLATE "C" NOT NULL,
    consumer_id     text    COLLATE "C" NOT NULL,
    type            text    COLLATE "C" NOT NULL,
    id              text    COLLATE "C" NOT NULL,
    updated_at      bigint              NOT NULL,
    status_rank     integer             NOT NULL,
    expires_at      bigint,
    record          text    COLLATE "C" NOT NULL,
    over_at         bigint  GENERATED ALWAYS AS (CASE
                        WHEN status_rank >= 100 THEN updated_at
                        WHEN expires_at IS NOT NULL THEN greatest(updated_at, expires_at)
                    END) STORED,
    PRIMARY KEY (organization_id, consumer_id, type, id)
);
COMMENT ON COLUMN participations.consumer_id IS 'no foreign key: records may arrive before the profile';
COMMENT ON COLUMN participations.type IS 'queue, draw, auction, timed_release or waitlist';
COMMENT ON COLUMN participations.id IS 'of the distribution';
COMMENT ON COLUMN participations.updated_at IS 'microseconds since 1970: when the state became true';
COMMENT ON COLUMN participations.status_rank IS 'decides at equal moments; from 100 on it has ended and is a tombstone';
COMMENT ON COLUMN participations.expires_at IS 'microseconds since 1970, NULL for never: the first moment at which it is not active';
COMMENT ON COLUMN participations.record IS 'canonical JSON, for example record::json ->> ''status''; holds a secret token';
COMMENT ON COLUMN participations.over_at IS 'microseconds since 1970: after this moment it may be purged, NULL for never';

CREATE TABLE admissions (
    organization_id   text    COLLATE "C" NOT NULL,
    consumer_id       text    COLLATE "C" NOT NULL,
    distribution_type text    COLLATE "C" NOT NULL,
    distribution_id   text    COLLATE "C" NOT NULL,
    updated_at        bigint              NOT NULL,
    status_rank       integer             NOT NULL,
    expires_at        bigint,
    record            text    COLLATE "C" NOT NULL,
    over_at           bigint  GENERATED ALWAYS AS (CASE
                          WHEN status_rank >= 100 THEN updated_at
                          WHEN expires_at IS NOT NULL THEN greatest(updated_at, expires_at)
                      END) STORED,
    PRIMARY KEY (organization_id, consumer_id, distribution_type, distribution_id)
);
COMMENT ON COLUMN admissions.consumer_id IS 'no foreign key: records may arrive before the profile';
COMMENT ON COLUMN admissions.distribution_type IS 'queue, draw, auction or timed_release';
COMMENT ON COLUMN admissions.updated_at IS 'microseconds since 1970: when the state became true';
COMMENT ON COLUMN admissions.status_rank IS '0, or from 100 on: it was ended and is a tombstone';
COMMENT ON COLUMN admissions.expires_at IS 'microseconds since 1970, NULL for never: the first moment at which it is not live';
COMMENT ON COLUMN admissions.record IS 'canonical JSON, for example record::json ->> ''expiresAt''; holds a secret token';
COMMENT ON COLUMN admissions.over_at IS 'microseconds since 1970: after this moment it may be purged, NULL for never';

-- What ended, and what will expire, wait for a purge. The index is on a column of its
-- own, because one on updated_at would have to be written at every update.
CREATE INDEX participations_over ON participations (over_at) WHERE over_at IS NOT NULL;
CREATE INDEX admissions_over ON admissions (over_at) WHERE over_at IS NOT NULL;

CREATE TABLE erasures (
    organization_id text  COLLATE "C" NOT NULL,
    consumer_digest bytea             NOT NULL CHECK (length(consumer_digest) = 32),
    PRIMARY KEY (organization_id, consumer_digest)
);
COMMENT ON COLUMN erasures.consumer_digest IS 'SHA-256 of organization id, NUL, consumer id';

CREATE TABLE api_keys (
    organization_id text   COLLATE "C" NOT NULL,
    digest          bytea              NOT NULL CHECK (length(digest) = 32),
    kind            text   COLLATE "C" NOT NULL CHECK (kind IN ('publishable', 'secret')),
    created_at      bigint             NOT NULL,
    expires_at      bigint,
    revoked_at      bigint,
    PRIMARY KEY (organization_id, digest)
);
COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of the whole key';
COMMENT ON COLUMN api_keys.created_at IS 'microseconds since 1970';
COMMENT ON COLUMN api_keys.expires_at IS 'microseconds since 1970: the first moment at which the key is not valid';
COMMENT ON COLUMN api_keys.revoked_at IS 'microseconds since 1970: the first moment at which the key is not valid';

-- A key arrives without its organization, and belongs to one only. On a sharded
-- cluster this table is a reference table, a copy of which is on every node: it is
-- small, and no shard could hold the index alone.
CREATE UNIQUE INDEX api_keys_digest ON api_keys (digest);

-- Each migration records its own version, whatever program runs it. The version is the key,
-- so no sequence has to be in step with the rows after a logical replication.
INSERT INTO rejoin_schema_version (version_id) VALUES (1);
