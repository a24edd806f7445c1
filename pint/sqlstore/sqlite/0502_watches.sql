-- +goose Up
-- Subscriptions to sessions. The dialog is written by its room, in JSON.
CREATE TABLE pint_watches (
    id       TEXT   NOT NULL PRIMARY KEY,
    session  TEXT   NOT NULL,
    asked_by TEXT   NOT NULL,
    until    BIGINT NOT NULL,
    dialog   BLOB   NOT NULL,
    node     TEXT,
    site     TEXT
);

-- +goose Down
DROP TABLE pint_watches;
