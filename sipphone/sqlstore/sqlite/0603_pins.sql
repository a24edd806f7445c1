-- +goose Up
CREATE TABLE phone_pins (
    aor        TEXT   NOT NULL PRIMARY KEY,
    generation BIGINT NOT NULL -- the PIN itself is derived
);

-- +goose Down
DROP TABLE phone_pins;
