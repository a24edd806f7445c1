// Package harness is what tests of the whole share: a server on loopback (Rig), the
// built program (Process), and those that talk to it: raw bytes (Wire), a caller with
// sound (Talker), a watcher of events (Watcher), telephones of the independent
// libraries. It uses nothing of the server's own stack to talk to it.
package harness
