package server

import (
	"net"
	"strconv"
)

// What users are called at every server.
const (
	Domain   = "bench.test"
	Password = "benchmark-secret"
)

// UserName is the name of a user.
func UserName(i int) string { return "u" + strconv.Itoa(i) }

// FreePort is a port that nobody has.
func FreePort() int {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}
