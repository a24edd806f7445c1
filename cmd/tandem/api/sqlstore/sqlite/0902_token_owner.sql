-- +goose Up
ALTER TABLE api_tokens ADD COLUMN owner TEXT NOT NULL DEFAULT ''; -- the one user it is limited to

-- +goose Down
ALTER TABLE api_tokens DROP COLUMN owner;
