// Package pint holds the tests of click-to-call over the whole server, asked for by
// raw SIP, by HTTP and by a browser.
package pint
