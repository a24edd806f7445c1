// Package peers starts and drives real programs of other makers against the
// server: the phones baresip and linphonec, the load maker sipp, the proxy
// kamailio, the attacker's tools of sipvicious, and ffmpeg; and the built server itself
// as a process of its own.
//
// It owns how each program is configured, told what to do and understood, and
// it ends every process it started. What the server must do with them is
// stated by the tests beside it. It sends no SIP of its own.
//
// All programs get folders below the one they are given, ports on loopback and
// no sound card: they play and record files. A missing program is an error
// that names the remedy.
package peers
