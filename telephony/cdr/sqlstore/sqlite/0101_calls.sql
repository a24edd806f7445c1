-- +goose Up
-- One row a call. What is asked for has a column; data is the rest, in JSON.
CREATE TABLE calls (
    id      TEXT   NOT NULL PRIMARY KEY,
    state   TEXT   NOT NULL,
    caller  TEXT   NOT NULL,
    called  TEXT   NOT NULL,
    trunk   TEXT   NOT NULL,
    started BIGINT NOT NULL,
    ended   BIGINT NOT NULL, -- 0 while it goes on
    data    TEXT   NOT NULL,
    node    TEXT,
    site    TEXT
);
CREATE INDEX calls_started ON calls (started);
CREATE INDEX calls_caller ON calls (caller, started);
CREATE INDEX calls_called ON calls (called, started) WHERE called <> '';
CREATE INDEX calls_open ON calls (id) WHERE state = 'open';

-- +goose Down
DROP TABLE calls;
