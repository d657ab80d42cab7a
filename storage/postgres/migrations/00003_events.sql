-- +goose Up

-- Records that follow from events are kept next to the written ones, in columns of the same
-- names with the prefix folded_. The one that counts is the folded one if it is the only one,
-- or later than the written one. The server rewrites participations and distributions for
-- their generated columns, so a large table is locked for as long as that takes.

ALTER TABLE consumers
    ALTER COLUMN updated_at DROP NOT NULL,
    ALTER COLUMN record DROP NOT NULL,
    ADD COLUMN folded_updated_at bigint,
    ADD COLUMN folded_record text COLLATE "C";
COMMENT ON COLUMN consumers.updated_at IS 'microseconds since 1970: when the profile became true; NULL if none was written';
COMMENT ON COLUMN consumers.folded_updated_at IS 'the same of the profile that follows from events, NULL if none does';

ALTER TABLE participations
    DROP COLUMN over_at,
    ALTER COLUMN updated_at DROP NOT NULL,
    ALTER COLUMN status_rank DROP NOT NULL,
    ALTER COLUMN record DROP NOT NULL,
    ADD COLUMN folded_updated_at bigint,
    ADD COLUMN folded_status_rank integer,
    ADD COLUMN folded_expires_at bigint,
    ADD COLUMN folded_record text COLLATE "C";
ALTER TABLE participations
    ADD COLUMN over_at bigint GENERATED ALWAYS AS (CASE
        WHEN folded_updated_at > updated_at OR updated_at IS NULL THEN CASE
            WHEN folded_status_rank >= 100 THEN folded_updated_at
            WHEN folded_expires_at IS NOT NULL THEN greatest(folded_updated_at, folded_expires_at)
        END
        WHEN status_rank >= 100 THEN updated_at
        WHEN expires_at IS NOT NULL THEN greatest(updated_at, expires_at)
    END) STORED;
CREATE INDEX participations_over ON participations (over_at) WHERE over_at IS NOT NULL;
COMMENT ON COLUMN participations.updated_at IS 'microseconds since 1970: when the state became true; NULL if none was written';
COMMENT ON COLUMN participations.folded_updated_at IS 'the same of the participation that follows from events, NULL if none does';
COMMENT ON COLUMN participations.over_at IS 'microseconds since 1970: after this moment it may be purged, NULL for never';

ALTER TABLE distributions
    ALTER COLUMN updated_at DROP NOT NULL,
    ALTER COLUMN rank DROP NOT NULL,
    ALTER COLUMN record DROP NOT NULL,
    ADD COLUMN folded_updated_at bigint,
    ADD COLUMN folded_rank bigint,
    ADD COLUMN folded_ended_at bigint,
    ADD COLUMN folded_winner_digest bytea CHECK (length(folded_winner_digest) = 32),
    ADD COLUMN folded_record text COLLATE "C";
DROP INDEX distributions_ended;
ALTER TABLE distributions
    ADD COLUMN counting_ended_at bigint GENERATED ALWAYS AS (CASE
        WHEN folded_updated_at > updated_at OR updated_at IS NULL THEN folded_ended_at ELSE ended_at
    END) STORED;
CREATE INDEX distributions_ended ON distributions (counting_ended_at) WHERE counting_ended_at IS NOT NULL;
COMMENT ON COLUMN distributions.updated_at IS 'microseconds since 1970: when the state became true; NULL if none was written';
COMMENT ON COLUMN distributions.folded_updated_at IS 'the same of the record that follows from events, NULL if none does';
COMMENT ON COLUMN distributions.counting_ended_at IS 'microseconds since 1970, NULL if it did not end';

CREATE TABLE events (
    organization_id text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    consumer_id     text COLLATE "C" NOT NULL,
    subject_type    text COLLATE "C" NOT NULL,
    subject_id      text COLLATE "C" NOT NULL,
    record          text COLLATE "C",
    PRIMARY KEY (organization_id, id)
);
COMMENT ON COLUMN events.id IS 'as the sender gave it';
COMMENT ON COLUMN events.consumer_id IS 'empty if the event is about an auction itself';
COMMENT ON COLUMN events.subject_type IS 'queue, draw or auction for an event about a participation, else order or profile';
COMMENT ON COLUMN events.subject_id IS 'of the distribution or order';
COMMENT ON COLUMN events.record IS 'JSON; holds secret tokens and personal data. NULL if only the id matters';

-- A fold reads the events of a consumer, and a purge deletes them by their subject.
CREATE INDEX events_subject ON events (organization_id, consumer_id, subject_type, subject_id);

INSERT INTO rejoin_schema_version (version_id) VALUES (3);
