-- +goose Up
ALTER TABLE users ADD COLUMN mail       TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN department TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN site       TEXT NOT NULL DEFAULT ''; -- where the user works; '' is the default site
ALTER TABLE users ADD COLUMN extension  TEXT NOT NULL DEFAULT ''; -- '' is none
ALTER TABLE users ADD COLUMN member_of  TEXT NOT NULL DEFAULT ''; -- groups, one a line
CREATE UNIQUE INDEX users_extension ON users (site, extension) WHERE extension <> '';

-- +goose Down
DROP INDEX users_extension;
ALTER TABLE users DROP COLUMN member_of;
ALTER TABLE users DROP COLUMN extension;
ALTER TABLE users DROP COLUMN site;
ALTER TABLE users DROP COLUMN department;
ALTER TABLE users DROP COLUMN mail;
