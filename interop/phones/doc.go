// Package phones drives telephones that others made: the programs baresip, linphonec
// and Chromium with JsSIP, and endpoints on the library diago.
//
// It owns how each is configured, told what to do and understood. It judges nothing
// but what was heard: what a phone should have done is said by stories
// (tandem/interop/story) and tests. It sends no SIP of its own.
//
// Programs get a folder, ports on loopback and no sound card: they play and record
// files.
package phones
