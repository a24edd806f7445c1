-- +goose Up
-- Who asked to watch and was not decided about while his subscription went on.
CREATE TABLE waiting_watchers (
    package  TEXT    NOT NULL,
    resource TEXT    NOT NULL,
    watcher  TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    proved   BOOLEAN NOT NULL,
    since    BIGINT  NOT NULL,
    PRIMARY KEY (package, resource, watcher)
);

-- +goose Down
DROP TABLE waiting_watchers;
