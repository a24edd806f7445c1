-- +goose Up
-- One row holds all bindings of one address-of-record, in the encoding of
-- codec.go. until is the latest time one of them ends. There is no index on it
-- on purpose: it would more than double the cost of a write, and the working
-- copy in memory knows what expires.
CREATE TABLE bindings (
    aor   TEXT   NOT NULL PRIMARY KEY,
    data  BLOB   NOT NULL,
    until BIGINT NOT NULL
);

-- +goose Down
DROP TABLE bindings;
