-- +goose Up
CREATE TABLE call_limits (
    level    TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    document TEXT   NOT NULL, -- the limit as JSON
    changed  BIGINT NOT NULL, -- unix ms
    node     TEXT,
    site     TEXT,
    PRIMARY KEY (level, name, kind)
);

-- +goose Down
DROP TABLE call_limits;
