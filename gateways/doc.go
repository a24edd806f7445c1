// Package gateways knows the trunks: the gateways and providers through which
// calls reach the telephone network and come from it.
//
// It owns what a trunk is, which trunks serve a number and in which order, what
// numbers look like on each of them, how many calls each carries, and whether it
// is there. A working copy is in memory as an immutable Table; a Store keeps it.
//
// It sends OPTIONS, but no call: the call layer asks Choose and tells what it
// heard. Who may call a number at all is decided by rtc/policy before.
package gateways
