-- +goose Up
-- What phones were promised when the server ended: some thousand bindings to a row,
-- in the encoding of promises.go. It is empty while a server runs.
CREATE TABLE promises (
    part INTEGER NOT NULL PRIMARY KEY,
    data BLOB    NOT NULL
);

-- +goose Down
DROP TABLE promises;
