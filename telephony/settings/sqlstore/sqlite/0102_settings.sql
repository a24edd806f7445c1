-- +goose Up
-- One row a user who has set something; document is what, in JSON.
CREATE TABLE call_settings (
    aor      TEXT   NOT NULL PRIMARY KEY,
    document TEXT   NOT NULL,
    changed  BIGINT NOT NULL,
    node     TEXT,
    site     TEXT
);

-- +goose Down
DROP TABLE call_settings;
