package pint

import (
	"flag"
	"testing"

	"tandem/test/harness"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil { // what is parallel here waits, and computes little
		panic(err)
	}
	harness.Main(m)
}
