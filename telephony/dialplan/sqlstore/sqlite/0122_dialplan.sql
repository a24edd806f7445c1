-- +goose Up
CREATE TABLE dialplan (
    name     TEXT   NOT NULL PRIMARY KEY,
    document TEXT   NOT NULL, -- the rule as JSON
    changed  BIGINT NOT NULL, -- unix ms
    node     TEXT,
    site     TEXT
);

-- +goose Down
DROP TABLE dialplan;
