// Package sieve makes the kernel drop datagrams of unknown senders before they are
// queued at a socket. Under heavy overload the queue is always full, and the kernel
// loses what known senders send as well. What a filter drops takes no room in the queue
// and no time of the reader.
//
// The filter is a classic BPF program, which needs no privilege. It recognizes senders
// only by their addresses, in a bitmap of hashes: a stranger may pass by chance, which
// is harmless because the reader checks each sender. The reader also sets how many
// other strangers pass. This package does not decide which senders are known.
package sieve
