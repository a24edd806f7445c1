// Package store keeps on disk what must survive: users, credentials and
// bindings. It implements directory.Store and location.Store on SQLite (WAL,
// synchronous=FULL), one file, one process.
//
// Every change goes through one group-commit writer: a bounded queue, taken
// whole whenever the writer is free, written in transactions and acknowledged
// when the transaction is on disk. There is no linger timer: alone, a change
// is committed at once; under load a batch grows while the one before it is
// being written. A later put of one address-of-record replaces an earlier one
// still in the queue, and both are acknowledged together.
//
// A batch that fails is undone as a whole and each of its changes is told the
// error; what the working copy in memory does about it is its owner's matter.
//
// Schemas are goose migrations, embedded, one folder for each SQL dialect.
// Statements use $n placeholders and types that PostgreSQL has as well; times
// are unix milliseconds.
//
// The package decides nothing about users or bindings and caches nothing.
package store
