-- +goose Up

-- One record per distribution holds what is true of all participations in it.
CREATE TABLE distributions (
    organization_id TEXT    NOT NULL,
    type            TEXT    NOT NULL, -- queue, draw, auction or timed_release
    id              TEXT    NOT NULL,
    updated_at      INTEGER NOT NULL, -- microseconds since 1970: when the state became true
    rank            INTEGER NOT NULL, -- decides at equal times: the end, then the number of called tickets
    ended_at        INTEGER,          -- microseconds since 1970, NULL if it did not end
    winner_digest   BLOB CHECK (length(winner_digest) = 32), -- SHA-256 of organization id, NUL, consumer id
    record          TEXT    NOT NULL, -- canonical JSON, for example record ->> 'serving'; winnerId is the digest in hexadecimal
    PRIMARY KEY (organization_id, type, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX distributions_ended ON distributions (ended_at) WHERE ended_at IS NOT NULL;

-- A purge searches the participations in a distribution that ended.
CREATE INDEX participations_distribution ON participations (organization_id, type, id);

-- A former consumer was erased, or merged into another one.
ALTER TABLE erasures RENAME TO former_consumers;
ALTER TABLE former_consumers ADD COLUMN successor_id TEXT; -- the consumer that it was merged into, NULL if it was erased
CREATE INDEX former_consumers_successor ON former_consumers (organization_id, successor_id) WHERE successor_id IS NOT NULL;

-- The log also tells of distributions, and of changes that no document shows, so that a
-- commit without an entry was not made by this module.
DROP TABLE changes;
CREATE TABLE changes (
    revision INTEGER NOT NULL PRIMARY KEY, -- counts without a gap; the oldest entries are deleted
    kind     INTEGER NOT NULL,             -- what changed: 0 nothing that a document shows, 1 a consumer, 2 a distribution
    hash     INTEGER NOT NULL              -- the first 8 bytes of SHA-256 of organization id, NUL, consumer id, or of organization id, NUL, type, NUL, id
) STRICT;

INSERT INTO rejoin_schema_version (version_id) VALUES (3);
