// Package test holds the tests of the whole: the server over loopback with
// independent clients, and the conventions of the code (who imports whom,
// package comments, commands in the documents).
//
// What one package promises is tested beside that package.
package test
