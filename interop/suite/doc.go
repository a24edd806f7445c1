// Package suite tries the behaviours of package behaviour against a running
// server and says what came of it (package report).
//
// It owns the order of an exchange, the devices it plays (raw bytes, package
// wire) and the judgement. It starts no server, and knows nothing
// of the one it talks to but what Target says.
package suite
