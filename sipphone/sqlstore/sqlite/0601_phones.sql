-- +goose Up
CREATE TABLE phones (
    mac      TEXT   NOT NULL PRIMARY KEY,
    document TEXT   NOT NULL, -- the phone as JSON; it holds no secret
    changed  BIGINT NOT NULL, -- unix ms
    node     TEXT,
    site     TEXT
);
CREATE TABLE phones_seen (
    mac      TEXT   NOT NULL PRIMARY KEY,
    document TEXT   NOT NULL, -- what it was last seen doing, as JSON
    changed  BIGINT NOT NULL,
    node     TEXT
);
CREATE TABLE phones_served (
    mac      TEXT   NOT NULL,
    file     TEXT   NOT NULL,
    content  BLOB   NOT NULL, -- deflated, secrets masked
    served   BIGINT NOT NULL, -- unix ms
    PRIMARY KEY (mac, file)
);

-- +goose Down
DROP TABLE phones_served;
DROP TABLE phones_seen;
DROP TABLE phones;
