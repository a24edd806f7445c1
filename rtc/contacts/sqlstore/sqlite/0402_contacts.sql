-- +goose Up
-- Documents of users (RFC 4825), and what became of contacts with each version.
CREATE TABLE contact_documents (
    owner   TEXT   NOT NULL,
    usage   TEXT   NOT NULL,
    name    TEXT   NOT NULL,
    version BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    body    BLOB   NOT NULL,
    node    TEXT,
    site    TEXT,
    PRIMARY KEY (owner, usage, name)
);
CREATE TABLE contact_changes (
    owner   TEXT   NOT NULL,
    version BIGINT NOT NULL,
    address TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    node    TEXT,
    site    TEXT,
    PRIMARY KEY (owner, version, address)
);
-- The version after which the changes of a user are complete.
CREATE TABLE contact_horizon (
    owner   TEXT   NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    node    TEXT,
    site    TEXT
);

-- +goose Down
DROP TABLE contact_horizon;
DROP TABLE contact_changes;
DROP TABLE contact_documents;
