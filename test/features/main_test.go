package features

import (
	"testing"

	"tandem/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
