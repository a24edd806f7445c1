// Package sieve has the kernel drop datagrams of unknown senders before they are queued at
// a socket. While far more comes in than can be read the queue is always full, and
// the kernel loses what known senders send as well; what a filter drops takes no room in
// it and no time of the reader.
//
// The filter is a classic BPF program, which needs no privilege. It knows senders by
// their address alone, in a bitmap of their hashes: that a stranger passes by chance
// is harmless, since the reader looks at who passes. How many others pass is the reader's to
// say. Which senders are known is not decided here.
package sieve
