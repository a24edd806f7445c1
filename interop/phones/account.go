package phones

import (
	"context"
	"fmt"

	"tandem/interop/process"
)

// Proto is how a phone speaks to the server.
type Proto string

// The transports.
const (
	UDP Proto = "udp"
	TCP Proto = "tcp"
	TLS Proto = "tls"
	WSS Proto = "wss"
)

// Codec is an audio codec by its name in SDP.
type Codec string

// The codecs both phones have.
const (
	PCMU Codec = "PCMU"
	PCMA Codec = "PCMA"
	G722 Codec = "G722"
	Opus Codec = "opus"
)

// Account is what a phone is given to register.
type Account struct {
	User, Password, Domain string
	Port                   int // of the server, for Proto
	Proto                  Proto
	CA                     string // PEM file that vouches for the server
	Listen                 int    // own port, of a gateway that registers nowhere; 0: a free one (baresip only)
	From                   string // local address; "" is 127.0.0.1 (baresip only)
	Friend                 string // whom to send texts to (baresip only, which knows nobody else)
	Codec                  Codec  // the only one it speaks; "" is what the phone likes
	SDES                   bool   // it insists on SRTP with keys in SDP
	Publishes              bool   // it publishes its presence
	Watches                string // address whose presence it shows, "" none
	CPIM                   bool   // it wraps texts in CPIM and asks for delivery notices (linphonec only)
}

// AOR of the account.
func (a Account) AOR() string { return "sip:" + a.User + "@" + a.Domain }

// Phone is what tests can ask of every phone.
type Phone interface {
	// Registered waits for the server's 200.
	Registered(ctx context.Context) error
	// Dial begins a call; it does not wait.
	Dial(uri string) error
	// Incoming waits for a call to ring here.
	Incoming(ctx context.Context) error
	// Ringing waits until the call dialled rings over there.
	Ringing(ctx context.Context) error
	// Answer takes the call that rings.
	Answer() error
	// Established waits until both speak.
	Established(ctx context.Context) error
	// Hangup ends the call, cancels it before it was answered, and rejects one
	// that rings here.
	Hangup() error
	// Ended waits for the end of the call and returns why, as the phone tells it.
	Ended(ctx context.Context) (reason string, err error)
	// Heard is the file with what was heard in the last call; complete once the
	// call has ended.
	Heard() (Heard, error)
	// Message sends a text.
	Message(uri, text string) error
	// Messaged waits for a text.
	Messaged(ctx context.Context) (text string, err error)
	// Transcript is all it said, for failures.
	Transcript() string
	// Close ends the program.
	Close() error
}

// URI is one of a port of this machine.
func URI(port int, proto Proto) string {
	return fmt.Sprintf("sip:%s;transport=%s", process.Loopback(port), proto)
}
