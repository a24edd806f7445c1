-- +goose Up
CREATE TABLE users (
    aor          TEXT     NOT NULL PRIMARY KEY,
    display_name TEXT     NOT NULL,
    enabled      SMALLINT NOT NULL, -- 0, 1
    created      BIGINT   NOT NULL, -- unix ms, as every time below
    changed      BIGINT   NOT NULL
);

CREATE TABLE aliases (
    alias TEXT NOT NULL PRIMARY KEY,
    aor   TEXT NOT NULL
);
CREATE INDEX aliases_aor ON aliases (aor);

CREATE TABLE credentials (
    aor        TEXT   NOT NULL,
    device     TEXT   NOT NULL, -- '' is the user's own password
    username   TEXT   NOT NULL,
    realm      TEXT   NOT NULL,
    md5        BLOB   NOT NULL, -- H(username:realm:password)
    md5_long   BLOB   NOT NULL, -- the same over the longer names old phones send, one after the other
    sha256     BLOB   NOT NULL,
    sha512_256 BLOB   NOT NULL,
    created    BIGINT NOT NULL,
    last_used  BIGINT NOT NULL, -- 0: never
    PRIMARY KEY (aor, device)
);

-- +goose Down
DROP TABLE credentials;
DROP TABLE aliases;
DROP TABLE users;
