-- +goose Up
-- One row holds all bindings of one address-of-record, in the encoding of codec.go,
-- which says which address that is and how long the last of them lives. Rows have
-- numbers because a number is found in a third of the time that a name takes, and a
-- new row stands at the end, whatever the name: among names each new one costs a
-- page of its own. Rows of before get what the encoding now begins with.
CREATE TABLE numbered_bindings (
    number INTEGER NOT NULL PRIMARY KEY,
    data   BLOB    NOT NULL
);
INSERT INTO numbered_bindings (number, data)
    SELECT rowid, CAST(CASE substr(data, 1, 1) WHEN x'01' THEN x'02' ELSE substr(data, 1, 1) END
        || unhex(printf('%016x', until)) || unhex(printf('%04x', length(CAST(aor AS BLOB))))
        || CAST(aor AS BLOB) || substr(data, 2) AS BLOB)
    FROM bindings ORDER BY rowid;
DROP TABLE bindings;
ALTER TABLE numbered_bindings RENAME TO bindings;

-- +goose Down
DROP TABLE bindings;
CREATE TABLE bindings (
    aor   TEXT   NOT NULL PRIMARY KEY,
    data  BLOB   NOT NULL,
    until BIGINT NOT NULL
);
