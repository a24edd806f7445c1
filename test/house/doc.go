// Package house is what tests of led calls share: a server with a few people and a
// phone of each, their groups and settings, an ear that measures what is heard and
// presses keys, and the story that a record tells.
package house
