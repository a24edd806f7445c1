package behaviour

import (
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Variables stand in braces in texts, and are filled in when a case runs.
var Variables = []string{
	"domain",                // of the users
	"server", "server.host", // host:port the device sends to
	"gateway", "gateway.host", "gateway.port", // addresses of the devices
	"phone", "phone.host", "phone.port",
	"second", "second.host", "second.port",
	"stranger", "stranger.host", "stranger.port",
	"user", "user2", // names of phone's and second's users
	"number",                // that leads to the gateway by the server's routes
	"branch", "call", "tag", // branch is new each time; call and tag are the device's
	"cseq", "invite", "id", // numbers in CSeq of this request and of the INVITE; id is new for each case
	"mac", "mac.upper", // of the phone, twelve hex digits
	"digits",        // six that are new for each case, for numbers of its own
	"length", "rtp", // of the body; the port of the device's sound
	"realm", "nonce", "opaque", "response", // of credentials
}

// Kept begins the names of what a case keeps of a message.
const Kept = "kept."

var variable = regexp.MustCompile(`\{([a-z][a-z0-9.]*)\}`)

// Fill puts values into a text. What is in braces and has no value stays.
func Fill(text string, value func(name string) (string, bool)) string {
	return variable.ReplaceAllStringFunc(text, func(s string) string {
		if v, ok := value(s[1 : len(s)-1]); ok {
			return v
		}
		return s
	})
}

// texts is all a case says, as YAML.
func (c *Case) texts() string {
	b, err := yaml.Marshal(c)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// unknown are names in braces that are no variables.
func (c *Case) unknown() (list []string) {
	for _, m := range variable.FindAllStringSubmatch(c.texts(), -1) {
		if !slices.Contains(Variables, m[1]) && !strings.HasPrefix(m[1], Kept) {
			list = append(list, m[1])
		}
	}
	return list
}

// Uses says whether a case names a variable.
func (c *Case) Uses(name string) bool {
	for _, m := range variable.FindAllStringSubmatch(c.texts(), -1) {
		if m[1] == name {
			return true
		}
	}
	return name == "number" && (c.Offer != nil && c.Offer.By == "phone" || c.Story != nil && c.Story.Tells != "register" && c.Story.Tells != "waiting")
}

// Challenged says whether a case waits for the server to ask for a password.
func (c *Case) Challenged() bool {
	return slices.ContainsFunc(c.Steps, func(s Step) bool { return s.Wait != nil && (s.Wait.Code == "401" || s.Wait.Code == "407") })
}
