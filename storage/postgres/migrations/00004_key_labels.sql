-- +goose Up

ALTER TABLE api_keys ADD COLUMN label text COLLATE "C" NOT NULL DEFAULT '';
COMMENT ON COLUMN api_keys.label IS 'what the key is for, as its creator says';

INSERT INTO rejoin_schema_version (version_id) VALUES (4);
