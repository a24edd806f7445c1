-- +goose Up
-- One row a ring group; document is what it is, in JSON.
CREATE TABLE ring_groups (
    aor      TEXT   NOT NULL PRIMARY KEY,
    document TEXT   NOT NULL,
    changed  BIGINT NOT NULL,
    node     TEXT,
    site     TEXT
);

-- +goose Down
DROP TABLE ring_groups;
