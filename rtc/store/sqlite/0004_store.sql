-- +goose Up
-- One row: how many transactions there were, by which a database that has lost
-- some is told, and the print of the key that seals secrets in it.
CREATE TABLE store_state (
    one       SMALLINT NOT NULL PRIMARY KEY, -- 1
    commits   BIGINT   NOT NULL,
    key_print TEXT     NOT NULL, -- '' until a key is known
    node      TEXT,
    site      TEXT
);
INSERT INTO store_state (one, commits, key_print) VALUES (1, 0, '');

-- +goose Down
DROP TABLE store_state;
