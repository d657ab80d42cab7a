-- +goose Up

-- Records that follow from events are kept next to the written ones, in columns of the same
-- names with the prefix folded_. The one that counts is the folded one if it is the only one,
-- or later than the written one. SQLite cannot make a column optional, so the tables are
-- created again.

CREATE TABLE new_consumers (
    organization_id   TEXT    NOT NULL,
    id                TEXT    NOT NULL,
    updated_at        INTEGER, -- microseconds since 1970: when the profile became true; NULL if none was written
    record            TEXT,    -- canonical JSON, for example record ->> 'email'
    folded_updated_at INTEGER, -- the same of the profile that follows from events, NULL if none does
    folded_record     TEXT,
    PRIMARY KEY (organization_id, id)
) STRICT, WITHOUT ROWID;
INSERT INTO new_consumers (organization_id, id, updated_at, record)
SELECT organization_id, id, updated_at, record FROM consumers ORDER BY organization_id, id;
DROP TABLE consumers;
ALTER TABLE new_consumers RENAME TO consumers;

CREATE TABLE new_participations (
    organization_id    TEXT    NOT NULL,
    consumer_id        TEXT    NOT NULL, -- no foreign key: records may arrive before the profile
    type               TEXT    NOT NULL, -- queue, draw, auction, timed_release or waitlist
    id                 TEXT    NOT NULL, -- of the distribution
    updated_at         INTEGER, -- microseconds since 1970: when the state became true; NULL if none was written
    status_rank        INTEGER, -- decides at equal moments; from 100 on it has ended and is a tombstone
    expires_at         INTEGER, -- microseconds since 1970, NULL for never: the first moment at which it is not active
    record             TEXT,    -- canonical JSON, for example record ->> 'status'; holds a secret token
    folded_updated_at  INTEGER, -- the same of the participation that follows from events, NULL if none does
    folded_status_rank INTEGER,
    folded_expires_at  INTEGER,
    folded_record      TEXT,
    over_at            INTEGER GENERATED ALWAYS AS (CASE
        WHEN folded_updated_at > updated_at OR updated_at IS NULL THEN CASE
            WHEN folded_status_rank >= 100 THEN folded_updated_at
            WHEN folded_expires_at IS NOT NULL THEN max(folded_updated_at, folded_expires_at)
        END
        WHEN status_rank >= 100 THEN updated_at
        WHEN expires_at IS NOT NULL THEN max(updated_at, expires_at)
    END), -- microseconds since 1970, NULL for never: after this moment it may be purged
    PRIMARY KEY (organization_id, consumer_id, type, id)
) STRICT, WITHOUT ROWID;
INSERT INTO new_participations (organization_id, consumer_id, type, id, updated_at, status_rank, expires_at, record)
SELECT organization_id, consumer_id, type, id, updated_at, status_rank, expires_at, record
FROM participations ORDER BY organization_id, consumer_id, type, id;
DROP TABLE participations;
ALTER TABLE new_participations RENAME TO participations;
CREATE INDEX participations_over ON participations (over_at) WHERE over_at IS NOT NULL;
CREATE INDEX participations_distribution ON participations (organization_id, type, id);

CREATE TABLE new_distributions (
    organization_id      TEXT    NOT NULL,
    type                 TEXT    NOT NULL, -- queue, draw, auction or timed_release
    id                   TEXT    NOT NULL,
    updated_at           INTEGER, -- microseconds since 1970: when the state became true; NULL if none was written
    rank                 INTEGER, -- decides at equal times: the end, then the number of called tickets
    ended_at             INTEGER, -- microseconds since 1970, NULL if it did not end
    winner_digest        BLOB CHECK (length(winner_digest) = 32), -- SHA-256 of organization id, NUL, consumer id
    record               TEXT,    -- canonical JSON, for example record ->> 'serving'; winnerId is the digest in hexadecimal
    folded_updated_at    INTEGER, -- the same of the record that follows from events, NULL if none does
    folded_rank          INTEGER,
    folded_ended_at      INTEGER,
    folded_winner_digest BLOB CHECK (length(folded_winner_digest) = 32),
    folded_record        TEXT,
    counting_ended_at    INTEGER GENERATED ALWAYS AS (CASE
        WHEN folded_updated_at > updated_at OR updated_at IS NULL THEN folded_ended_at ELSE ended_at
    END),
    PRIMARY KEY (organization_id, type, id)
) STRICT, WITHOUT ROWID;
INSERT INTO new_distributions (organization_id, type, id, updated_at, rank, ended_at, winner_digest, record)
SELECT organization_id, type, id, updated_at, rank, ended_at, winner_digest, record FROM distributions;
DROP TABLE distributions;
ALTER TABLE new_distributions RENAME TO distributions;
CREATE INDEX distributions_ended ON distributions (counting_ended_at) WHERE counting_ended_at IS NOT NULL;

-- The events of one consumer lie side by side.
CREATE TABLE events (
    organization_id TEXT NOT NULL,
    id              TEXT NOT NULL, -- as the sender gave it
    consumer_id     TEXT NOT NULL, -- empty if the event is about an auction itself
    subject_type    TEXT NOT NULL, -- queue, draw or auction for an event about a participation, else order or profile
    subject_id      TEXT NOT NULL, -- of the distribution or order
    record          TEXT,          -- JSON; holds secret tokens and personal data. NULL if only the id matters
    PRIMARY KEY (organization_id, consumer_id, subject_type, subject_id, id)
) STRICT, WITHOUT ROWID;

-- The same event is recorded once.
CREATE UNIQUE INDEX events_id ON events (organization_id, id);

INSERT INTO rejoin_schema_version (version_id) VALUES (4);
