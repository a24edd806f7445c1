-- +goose Up
-- One row a subscription; data is all that nobody asks for, in a compact encoding.
CREATE TABLE subscriptions (
    id       TEXT   NOT NULL PRIMARY KEY,
    package  TEXT   NOT NULL,
    resource TEXT   NOT NULL,
    watcher  TEXT   NOT NULL,
    until    BIGINT NOT NULL,
    data     BLOB   NOT NULL,
    node     TEXT,
    site     TEXT
);
-- How often the server was started: sequence numbers go on behind those of the
-- run before.
CREATE TABLE notifier_runs (
    id  BIGINT NOT NULL PRIMARY KEY,
    run BIGINT NOT NULL
);

-- +goose Down
DROP TABLE notifier_runs;
DROP TABLE subscriptions;
