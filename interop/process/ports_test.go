package process

import "testing"

// A port that was given out is not given out again while this process lives,
// also not by another one: the lock is the same for both.
func TestPortsAreClaimed(t *testing.T) {
	port, err := Port()
	if err != nil {
		t.Fatal(err)
	}
	if claim(port) {
		t.Errorf("port %d was given out twice", port)
	}
}

// A program with several calls is given a pair of ports for each of them.
func TestPortsOfSeveralCalls(t *testing.T) {
	const calls = 4
	first, err := RTPPorts(calls)
	if err != nil {
		t.Fatal(err)
	}
	if first%2 != 0 {
		t.Errorf("the first port, %d, is odd", first)
	}
	for port := first; port < first+2*calls; port++ {
		if claim(port) {
			t.Errorf("port %d is left to another program", port)
		}
	}
}
