-- +goose Up
-- Messages that may not go in the clear (sips).
ALTER TABLE im_messages ADD COLUMN secure BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE im_messages DROP COLUMN secure;
