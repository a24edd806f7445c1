// Package trunks holds the tests of calls over trunks and the whole server: numbers
// and their plan, failover, manners of gateways, fraud, emergency calls, and the
// records, with raw bytes and independent programs as gateways.
package trunks
