-- +goose Up
-- One row a session. What is asked for has a column; data is the session as a
-- whole, in JSON, sealed: it may hold what a client pays with.
CREATE TABLE pint_sessions (
    id       TEXT   NOT NULL PRIMARY KEY,
    asked_by TEXT   NOT NULL,
    origin   TEXT   NOT NULL, -- key of the o= line, '' for none
    state    TEXT   NOT NULL,
    open     BIGINT NOT NULL, -- 1: it has not ended, or its sink is owed events
    created  BIGINT NOT NULL,
    ended    BIGINT NOT NULL, -- 0 while it goes on
    data     BLOB   NOT NULL,
    node     TEXT,
    site     TEXT
);
CREATE INDEX pint_created ON pint_sessions (created);
CREATE INDEX pint_by ON pint_sessions (asked_by, created);
CREATE INDEX pint_origin ON pint_sessions (asked_by, origin, created) WHERE origin <> '';
CREATE INDEX pint_open ON pint_sessions (id) WHERE open = 1;
CREATE INDEX pint_ended ON pint_sessions (ended) WHERE ended <> 0;

-- Numbers that users have proved to be theirs.
CREATE TABLE pint_numbers (
    owner  TEXT   NOT NULL,
    number TEXT   NOT NULL,
    since  BIGINT NOT NULL,
    how    TEXT   NOT NULL,
    node   TEXT,
    site   TEXT,
    PRIMARY KEY (owner, number)
);

-- +goose Down
DROP TABLE pint_numbers;
DROP TABLE pint_sessions;
