// Package suite tries the behaviours of package behaviour against a running
// server and reports what came of it.
//
// It owns the order of an exchange, the devices it plays (raw bytes, package
// wire), the judgement and the reports. It starts no server, and knows nothing
// of the one it talks to but what Target says.
package suite
