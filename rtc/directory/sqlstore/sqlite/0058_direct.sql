-- +goose Up
ALTER TABLE aliases ADD COLUMN device TEXT NOT NULL DEFAULT ''; -- the one it leads to; '' is all of the user's

-- +goose Down
ALTER TABLE aliases DROP COLUMN device;
