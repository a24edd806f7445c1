// Package provision gives phones their files: it finds whose file a path is,
// demands proof that the phone asks, renders, and takes what phones send.
//
// A file that belongs to one phone is given for its client certificate, for the
// password that stands in the file itself, or, while its window is open, to
// whoever asks by its MAC from a network of phones. The window opens when a phone
// is added, adopted or told to fetch its files, and closes soon after it has them.
//
// The Desk decides; Handler is its front for HTTP, package tftp the other one. It
// keeps no phones: package inventory does.
package provision
