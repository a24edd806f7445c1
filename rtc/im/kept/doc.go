// Package kept is the form in which instant messages wait: what is kept of each, the
// store they and their receivers' devices are in, and how they are read again.
//
// It knows neither mailboxes nor deliveries, and sends nothing.
package kept
