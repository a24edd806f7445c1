// Package process starts programs of others and hears what they say, for tests with
// real peers. It owns every process it started: each ends with this one, however that
// ends. It gives out ports of loopback that nobody else of this machine is given.
//
// A missing program is an error that names the remedy.
package process
