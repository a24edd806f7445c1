-- +goose Up
-- Records are exported in the order in which calls began.
CREATE INDEX calls_order ON calls (started, id);
DROP INDEX calls_started;

-- +goose Down
CREATE INDEX calls_started ON calls (started);
DROP INDEX calls_order;
