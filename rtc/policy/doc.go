// Package policy answers one question: may this identity do this, and why?
//
// It owns the rules that administrators set for a user, a group, a site or
// everybody, and the one order in which they count. What can be asked is
// declared by the rooms that ask, as Actions; to this package they are words.
// Rules are kept by a Store and compiled to an immutable form that is swapped.
//
// It finds nobody's group or site (the directory does) and enforces nothing: who
// asks must act on the answer.
//
// # The order
//
// A rule of a user counts before one of the group, that before one of the site,
// that before the default. Among rules of the same level the one that names the
// object most exactly counts: the object itself, the longest beginning of it, its
// kind, anything; of equal rules of several groups one that refuses. What no rule decides is as the Action says. A final rule of a
// group, a site or the default counts before all that is not, the broadest first,
// so that it has no exceptions below it. What an Action always allows no rule refuses.
package policy
