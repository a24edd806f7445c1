package server

import (
	"cmp"
	"runtime"
	"runtime/debug"
)

// release is the version that a package was built as; the linker sets it:
// -ldflags "-X tandem/cmd/tandem/server.release=v1.2.3".
var release string

// Build is what is known of how this program was built.
type Build struct {
	Version  string `json:"version" yaml:"version"`                       // "v1.2.3", or made up by Go of commit and time
	Commit   string `json:"commit,omitempty" yaml:"commit,omitempty"`     // "" when it was not built in a checkout
	Time     string `json:"time,omitempty" yaml:"time,omitempty"`         // of the commit, RFC 3339
	Modified bool   `json:"modified,omitempty" yaml:"modified,omitempty"` // files differed from the commit
	Go       string `json:"go" yaml:"go"`
	Platform string `json:"platform" yaml:"platform"` // "linux/amd64"
}

// ThisBuild is that of this program.
func ThisBuild() Build {
	b := Build{Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		b.Version = cmp.Or(b.Version, "unknown")
		return b
	}
	b.Version = cmp.Or(b.Version, info.Main.Version, "unknown")
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// Version of this build.
func Version() string { return ThisBuild().Version }
