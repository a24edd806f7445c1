-- +goose Up
CREATE TABLE trunks (
    name     TEXT   NOT NULL PRIMARY KEY,
    document TEXT   NOT NULL, -- the trunk as JSON, without its secret
    secret   BLOB,            -- sealed; NULL: none
    changed  BIGINT NOT NULL, -- unix ms
    node     TEXT,
    site     TEXT
);

-- +goose Down
DROP TABLE trunks;
