-- +goose Up
-- One row a published document.
CREATE TABLE publications (
    id    TEXT   NOT NULL PRIMARY KEY,
    owner TEXT   NOT NULL,
    type  TEXT   NOT NULL,
    body  BLOB   NOT NULL,
    agent TEXT   NOT NULL,
    flow  TEXT   NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    count BIGINT NOT NULL,
    node  TEXT,
    site  TEXT
);
-- What users say of themselves, and calendars of them.
CREATE TABLE presence_status (
    owner    TEXT   NOT NULL,
    source   TEXT   NOT NULL,
    activity TEXT   NOT NULL,
    note     TEXT   NOT NULL,
    until    BIGINT NOT NULL, -- 0 until it is changed
    node     TEXT,
    site     TEXT,
    PRIMARY KEY (owner, source)
);

-- +goose Down
DROP TABLE presence_status;
DROP TABLE publications;
