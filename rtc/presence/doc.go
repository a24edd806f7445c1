// Package presence is the presence agent (RFC 3856): it takes publications
// (PUBLISH, RFC 3903), joins them with what the server itself knows of a user, and
// makes of it what watchers are shown, through rtc/event.
//
// # Sources and composition
//
// What is known of a user comes from: the document each device publishes, the
// bindings in rtc/location, calls (Config.Calls), the status he or an administrator
// sets (SetManual), and a calendar (SetCalendar). Composing them has rules; the
// last writer does not win:
//
//   - Services: each tuple published is shown, under an id that tells whose it is.
//     Of two with the same contact the one of the device used last is shown. A
//     binding whose device publishes nothing is a service that is open, unless it
//     came by a connection that has closed. Open
//     services stand before closed ones.
//   - The person: a manual status says all that he does. Without one, these are
//     added up: on-the-phone while a call is up, what the calendar says, and what
//     his devices publish. Of devices that differ the one he used last counts,
//     and "away" or idle only if every device that publishes and is open says so.
//   - Notes: that of the manual status, else those of the device used last.
//   - Devices: each as published.
//
// Somebody for whom nothing is open has one closed service and no devices. Of the
// person it is told what the manual status says, or else the calendar: they hold
// wherever he is. Calls count for nothing then, they are what a device left behind. Who
// is offline by hand has the closed service and nothing else, and that is also all a
// politely blocked watcher is ever shown.
//
// # What ends a publication
//
// Its time is over; it is removed; the connection it came by closes; the last
// binding of the device that published ends, told by the address it sent from.
//
// A PUBLISH is answered 200 when it is on disk, with the end that was granted: a
// restart makes no publication longer. After it one that came by a connection counts again
// when its device has registered with the contact it published, or refreshes it.
package presence
