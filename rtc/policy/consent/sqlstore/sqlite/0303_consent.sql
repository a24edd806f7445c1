-- +goose Up
-- What users let others know of them.
CREATE TABLE consent (
    owner  TEXT   NOT NULL,
    kind   TEXT   NOT NULL,
    name   TEXT   NOT NULL,
    action TEXT   NOT NULL,
    place  BIGINT NOT NULL,
    node   TEXT,
    site   TEXT,
    PRIMARY KEY (owner, kind, name)
);

-- +goose Down
DROP TABLE consent;
