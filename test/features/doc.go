// Package features holds the tests of what the exchange does beyond one call, over the
// whole server: groups, pickup, parking, conferences, recording, announcements and
// service codes, with raw bytes as telephones.
package features
