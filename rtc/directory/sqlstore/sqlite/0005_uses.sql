-- +goose Up
-- When secrets were last used. All of them change all the time, so a row holds
-- those of many: see uses.go. What stands in credentials is of older versions.
CREATE TABLE credential_uses (
    bucket BIGINT NOT NULL PRIMARY KEY,
    uses   BLOB   NOT NULL,
    node   TEXT,
    site   TEXT
);

-- +goose Down
DROP TABLE credential_uses;
