-- +goose Up
CREATE TABLE api_tokens (
    name      TEXT   NOT NULL PRIMARY KEY,
    hash      BLOB   NOT NULL UNIQUE, -- SHA-256 of the token
    scopes    TEXT   NOT NULL,        -- by spaces
    made_by   TEXT   NOT NULL,
    created   BIGINT NOT NULL,        -- unix ms, as every time below
    expires   BIGINT NOT NULL,        -- 0: never
    last_used BIGINT NOT NULL,        -- 0: never
    node      TEXT,
    site      TEXT
);

CREATE TABLE api_audit (
    id        BIGINT NOT NULL PRIMARY KEY, -- grows with time
    at        BIGINT NOT NULL,
    who       TEXT   NOT NULL,
    operation TEXT   NOT NULL,
    resource  TEXT   NOT NULL,
    outcome   TEXT   NOT NULL, -- begun, done, failed, interrupted
    why       TEXT   NOT NULL,
    before    TEXT,            -- JSON
    after     TEXT,            -- JSON
    node      TEXT,
    site      TEXT
);
CREATE INDEX api_audit_resource ON api_audit (resource, id);
CREATE INDEX api_audit_who ON api_audit (who, id);
CREATE INDEX api_audit_open ON api_audit (outcome) WHERE outcome = 'begun';

CREATE TABLE api_webhooks (
    name    TEXT   NOT NULL PRIMARY KEY,
    url     TEXT   NOT NULL,
    types   TEXT   NOT NULL, -- by spaces, '': all
    secret  BLOB   NOT NULL, -- sealed
    made_by TEXT   NOT NULL,
    created BIGINT NOT NULL,
    node    TEXT,
    site    TEXT
);

CREATE TABLE api_deliveries (
    id       BIGINT NOT NULL PRIMARY KEY, -- the order of sending
    webhook  TEXT   NOT NULL,
    event    TEXT   NOT NULL,
    type     TEXT   NOT NULL,
    resource TEXT   NOT NULL,
    created  BIGINT NOT NULL,
    size     BIGINT NOT NULL,
    body     BLOB   NOT NULL,
    node     TEXT,
    site     TEXT
);
CREATE INDEX api_deliveries_webhook ON api_deliveries (webhook);

CREATE TABLE api_requests (
    who     TEXT   NOT NULL,
    key     TEXT   NOT NULL,
    request BLOB   NOT NULL, -- SHA-256 of method, path and body
    created BIGINT NOT NULL,
    code    BIGINT NOT NULL, -- 0: not answered yet
    answer  BLOB,            -- header and body, sealed; NULL: too large
    node    TEXT,
    site    TEXT,
    PRIMARY KEY (who, key)
);
CREATE INDEX api_requests_created ON api_requests (created);

-- +goose Down
DROP TABLE api_requests;
DROP TABLE api_deliveries;
DROP TABLE api_webhooks;
DROP TABLE api_audit;
DROP TABLE api_tokens;
