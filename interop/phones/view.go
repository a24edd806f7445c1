package phones

import (
	"regexp"
	"strings"

	"tandem/interop/process"
)

var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// lastOf is the first part of the last line that matches, without colours.
func lastOf(t *process.Transcript, re *regexp.Regexp) (part string) {
	for _, line := range t.Since(0) {
		if m := re.FindStringSubmatch(line); m != nil {
			part = m[1]
		}
	}
	return strings.TrimSpace(colour.ReplaceAllString(part, ""))
}
