-- +goose Up
-- Rows are numbered in the order of their making: a new one goes to the end of
-- the table, so many of one commit share a page.
CREATE TABLE subscription_rows (
    n        INTEGER NOT NULL PRIMARY KEY,
    package  TEXT    NOT NULL,
    resource TEXT    NOT NULL,
    watcher  TEXT    NOT NULL,
    until    BIGINT  NOT NULL,
    data     BLOB    NOT NULL
);
INSERT INTO subscription_rows (n, package, resource, watcher, until, data)
    SELECT rowid, package, resource, watcher, until, data FROM subscriptions;
DROP TABLE subscriptions;

-- +goose Down
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
INSERT INTO subscriptions (id, package, resource, watcher, until, data)
    SELECT CAST(n AS TEXT), package, resource, watcher, until, data FROM subscription_rows;
DROP TABLE subscription_rows;
