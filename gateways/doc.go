// Package gateways knows the trunks: the gateways and providers through which
// calls reach the telephone network and come from it.
//
// It owns what a trunk is, which trunks serve a number and in which order, what
// numbers look like on each of them, and how many calls each carries. A working
// copy is in memory as an immutable Table; a Store keeps it.
//
// It sends and receives no call: the call layer asks Choose and tells the
// outcome. Who may call a number at all is decided by rtc/policy before.
package gateways
