// Package store is the engine under all that must survive: a durable queue of
// changes, reads beside it, and the migrations of many rooms in one schema. It
// runs SQLite (WAL), one file, one process, and knows no room and no table of
// theirs.
//
// # Group commit
//
// Every change goes through one writer: a bounded queue, taken whole whenever
// the writer is free, written in transactions and acknowledged when the
// transaction is on disk. There is no linger timer but for changes that may wait: alone,
// a change is committed at once; under load a batch grows while the one before it is being
// written.
//
// A change that fails fails alone. The others of its transaction are written,
// if need be by running the transaction a second time with a savepoint around
// each. When the store itself fails (disk full, file damaged) the transaction is
// undone as a whole and each of its changes is told the error; what the working
// copy in memory does about it is its owner's matter.
//
// The writer forces the log to disk itself, after the commit and before anybody is
// told: on Linux through a ring (io_uring), so that no thread waits. When that fails
// nobody knows what is on disk, and nothing is written any more until a restart, which
// may show changes whose callers were told an error.
//
// Checkpoints are made beside the writer, by a connection of their own (checkpoint.go).
//
// # How a room keeps something
//
// The room names what it needs as an interface of its own, "Store", and has an
// implementation in memory, NewMemory. Its SQL stands in a package below it,
// <room>/sqlstore, which imports the room and this engine:
//
//	//go:embed sqlite
//	var Migrations embed.FS               // sqlite/0301_publications.sql, …
//	func New(db *store.DB) *Store         // implements the room's Store
//
// One suite, <room>/storetest, checks both implementations. rtc/directory shows
// this for calls that wait (Do), rtc/location for those that do not (Put).
//
// Schemas are migrations, in one folder for each SQL dialect: what stands below
// "-- +goose Up" makes the step, what stands below "-- +goose Down" would undo it
// by hand. All that a database lacks is done in one transaction. Their numbers
// are 00xx for rtc, 01xx telephony, 02xx gateways, 03xx event and presence, 04xx
// contacts and im, 05xx pint, 06xx sipphone, 07xx policy, 09xx the API. Statements
// use $n placeholders and types that PostgreSQL has as well (TEXT, BIGINT, BLOB);
// times are unix milliseconds, UTC. New tables have the columns node and site,
// both TEXT and nullable: which server wrote the row, and where. They are
// reserved for several servers on one database.
//
// Rows are deleted and exported at most MaxRows in a transaction (Purge, Pages).
// Secrets that must be read again, a trunk's password for instance, are sealed
// by package seal before they come here.
package store
