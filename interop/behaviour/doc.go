// Package behaviour holds what is known of how devices of many makers behave on
// the wire, as data: one YAML file a family, one row a behaviour, with the
// evidence for it, what the server has to do, and how to try it.
//
// It owns the files, their schema and its checks. It runs nothing; package
// suite does.
package behaviour
