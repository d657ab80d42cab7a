-- +goose Up

ALTER TABLE api_keys ADD COLUMN label TEXT NOT NULL DEFAULT ''; -- what the key is for, as its creator says

INSERT INTO rejoin_schema_version (version_id) VALUES (5);
