-- +goose Up
CREATE TABLE policy_rules (
    level   TEXT     NOT NULL,
    name    TEXT     NOT NULL, -- '' for the default
    action  TEXT     NOT NULL,
    kind    TEXT     NOT NULL, -- '' for all
    object  TEXT     NOT NULL, -- '' for all
    allow   SMALLINT NOT NULL, -- 0, 1
    final   SMALLINT NOT NULL, -- 0, 1
    expires BIGINT   NOT NULL, -- unix ms, as every time below; 0: never
    reason  TEXT     NOT NULL,
    changed BIGINT   NOT NULL,
    author  TEXT     NOT NULL,
    node    TEXT,
    site    TEXT,
    PRIMARY KEY (level, name, action, kind, object)
);

-- +goose Down
DROP TABLE policy_rules;
