-- +goose Up
CREATE TABLE waiting (
    aor        TEXT   NOT NULL PRIMARY KEY,
    fresh      BIGINT NOT NULL, -- counts of messages
    old        BIGINT NOT NULL,
    urgent     BIGINT NOT NULL,
    urgent_old BIGINT NOT NULL,
    changed    BIGINT NOT NULL  -- unix ms
);

-- +goose Down
DROP TABLE waiting;
