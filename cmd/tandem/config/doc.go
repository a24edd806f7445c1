// Package config is the configuration of a server: what each key means, its defaults,
// how the file is read and what is wrong with it.
package config
