// Package inventory is the working copy of the phones: who they are, what they
// were last seen doing, and the inbox of those that asked for files without being
// known. A Store keeps it.
//
// It owns the device secrets of the phones' lines in the directory: whoever
// changes a phone changes them by it. It gives out no files and sends nothing.
package inventory
