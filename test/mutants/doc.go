// Package mutants shows that the interop suite finds what it is for: the server is
// built with one mistake at a time, and the suite must fail it. It builds a program
// for each mistake and so takes minutes: make mutants runs it. make test only looks
// whether each mistake still has its place in the code.
package mutants
