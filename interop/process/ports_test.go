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
