// Package dialplan is readable rules for what is dialled: which pattern, how many
// digits leave its front, what is put there, and where the call goes. Extensions,
// short codes, ways out of the house and detours are such rules, for all sites or
// for one.
//
// It changes numbers and names a route. Numbers are read by package number; who may
// call them, and by which trunk, is decided by others.
package dialplan
