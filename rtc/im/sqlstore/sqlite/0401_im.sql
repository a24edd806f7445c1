-- +goose Up
-- Messages that wait for devices. waiting has one device a line.
CREATE TABLE im_messages (
    id       BIGINT NOT NULL PRIMARY KEY,
    receiver TEXT   NOT NULL,
    sender   TEXT   NOT NULL,
    repeat   TEXT   NOT NULL, -- From tag, Call-ID and CSeq: tells a repetition
    arrived  BIGINT NOT NULL,
    expires  BIGINT NOT NULL,
    hops     BIGINT NOT NULL,
    held     BIGINT NOT NULL,
    octets   BIGINT NOT NULL,
    waiting  TEXT   NOT NULL,
    text     BLOB   NOT NULL,
    node     TEXT,
    site     TEXT
);
CREATE UNIQUE INDEX im_messages_receiver ON im_messages (receiver, repeat);

-- Devices that users were seen with.
CREATE TABLE im_devices (
    owner    TEXT   NOT NULL,
    instance TEXT   NOT NULL,
    seen     BIGINT NOT NULL,
    node     TEXT,
    site     TEXT,
    PRIMARY KEY (owner, instance)
);

-- +goose Down
DROP TABLE im_devices;
DROP TABLE im_messages;
