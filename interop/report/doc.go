// Package report is what comes of a run of the interop suite, and its forms: lines and a
// summary for people, JSON, JUnit, a page, and the table that sets runs side by side.
//
// It judges nothing: outcomes are those of whoever ran the rows.
package report
