// Package phones holds the tests of desk phones over the whole server: simulated phones
// of all makers get their files, register, and are told what concerns them.
package phones
