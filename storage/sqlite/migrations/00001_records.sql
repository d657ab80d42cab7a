-- +goose Up

-- Every table is keyed by the organization first and is its own index (WITHOUT
-- ROWID), so that one consumer's records lie side by side. Text compares in byte
-- order (the default collation, BINARY); the order decides ties between writes.
-- The comments within the tables stay in the database: .schema shows them.

CREATE TABLE rejoin_schema_version (
    version_id INTEGER NOT NULL PRIMARY KEY,
    applied_at TEXT    NOT NULL DEFAULT (datetime('now'))
) STRICT;

CREATE TABLE consumers (
    organization_id TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    updated_at      INTEGER NOT NULL, -- microseconds since 1970: when the profile became true
    record          TEXT    NOT NULL, -- canonical JSON, for example record ->> 'email'
    PRIMARY KEY (organization_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE participations (
    organization_id TEXT    NOT NULL,
    consumer_id     TEXT    NOT NULL, -- no foreign key: records may arrive before the profile
    type            TEXT    NOT NULL, -- queue, draw, auction, timed_release or waitlist
    id              TEXT    NOT NULL, -- of the distribution
    updated_at      INTEGER NOT NULL, -- microseconds since 1970: when the state became true
    status_rank     INTEGER NOT NULL, -- decides at equal moments; from 100 on it has ended and is a tombstone
    expires_at      INTEGER,          -- microseconds since 1970, NULL for never: the first moment at which it is not active
    record          TEXT    NOT NULL, -- canonical JSON, for example record ->> 'status'; holds a secret token
    over_at         INTEGER GENERATED ALWAYS AS (CASE
        WHEN status_rank >= 100 THEN updated_at
        WHEN expires_at IS NOT NULL THEN max(updated_at, expires_at)
    END), -- microseconds since 1970, NULL for never: after this moment it may be purged
    PRIMARY KEY (organization_id, consumer_id, type, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE admissions (
    organization_id   TEXT    NOT NULL,
    consumer_id       TEXT    NOT NULL, -- no foreign key: records may arrive before the profile
    distribution_type TEXT    NOT NULL, -- queue, draw, auction or timed_release
    distribution_id   TEXT    NOT NULL,
    updated_at        INTEGER NOT NULL, -- microseconds since 1970: when the state became true
    status_rank       INTEGER NOT NULL, -- 0, or from 100 on: it was ended and is a tombstone
    expires_at        INTEGER,          -- microseconds since 1970, NULL for never: the first moment at which it is not live
    record            TEXT    NOT NULL, -- canonical JSON, for example record ->> 'expiresAt'; holds a secret token
    over_at           INTEGER GENERATED ALWAYS AS (CASE
        WHEN status_rank >= 100 THEN updated_at
        WHEN expires_at IS NOT NULL THEN max(updated_at, expires_at)
    END), -- microseconds since 1970, NULL for never: after this moment it may be purged
    PRIMARY KEY (organization_id, consumer_id, distribution_type, distribution_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE erasures (
    organization_id TEXT NOT NULL,
    consumer_digest BLOB NOT NULL CHECK (length(consumer_digest) = 32), -- SHA-256 of organization id, NUL, consumer id
    PRIMARY KEY (organization_id, consumer_digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    organization_id TEXT    NOT NULL,
    digest          BLOB    NOT NULL CHECK (length(digest) = 32), -- SHA-256 of the whole key
    kind            TEXT    NOT NULL CHECK (kind IN ('publishable', 'secret')),
    created_at      INTEGER NOT NULL, -- microseconds since 1970
    expires_at      INTEGER,          -- microseconds since 1970: the first moment at which the key is not valid
    revoked_at      INTEGER,          -- microseconds since 1970: the first moment at which the key is not valid
    PRIMARY KEY (organization_id, digest)
) STRICT, WITHOUT ROWID;

-- What ended, and what will expire, wait for a purge.
CREATE INDEX participations_over ON participations (over_at) WHERE over_at IS NOT NULL;
CREATE INDEX admissions_over ON admissions (over_at) WHERE over_at IS NOT NULL;

-- A key arrives without its organization, and belongs to one only.
CREATE UNIQUE INDEX api_keys_digest ON api_keys (digest);

INSERT INTO rejoin_schema_version (version_id) VALUES (1);
