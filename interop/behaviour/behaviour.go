package behaviour

import (
	"slices"
	"time"
)

// Role is what a device is to the server.
type Role string

// The roles.
const (
	Gateway Role = "gateway" // between the telephone network and IP
	Trunk   Role = "trunk"   // a provider's service
	Phone   Role = "phone"
	Any     Role = "any"
)

// Evidence is how it is known that a device behaves so.
type Evidence string

// The kinds of evidence, strongest first.
const (
	Itself      Evidence = "itself"       // it takes part as it is: a program, not a simulation
	Trace       Evidence = "trace"        // the lines stand in a public captured message
	EditedTrace Evidence = "edited-trace" // in a public test file made from a capture; values may be changed
	Code        Evidence = "code"         // a public project changed its code for this device and says so
	Document    Evidence = "document"     // maker's or provider's documentation
	Inferred    Evidence = "inferred"     // from a relative with the same software; never seen on this device
	Memory      Evidence = "memory"       // somebody remembers it; not verified at all
)

// Seen says whether anybody saw the device do it, or its maker says so. A row
// that rests on less never counts as verified, however it runs.
func (e Evidence) Seen() bool { return e != Inferred && e != Memory }

// Feature is something a server may have or lack. A row that needs one is not
// run against a server without it.
type Feature string

// The features rows wait for.
const (
	Calls        Feature = "calls"        // the server owns calls: it answers offers itself, maps causes, keeps call records
	Media        Feature = "media"        // the server relays sound in calls
	Trunks       Feature = "trunks"       // trunks with dialects, health and registration of their own
	Messages     Feature = "message-lamp" // message waiting
	Lamps        Feature = "lamps"        // dialog-info, presence and shared lines
	Provisioning Feature = "provisioning" // configuration files for phones
	Resync       Feature = "resync"       // restart and reload of phones by NOTIFY
	Remote       Feature = "cisco-remote" // Cisco's enterprise extensions
)

// Features are all features by name, with what they mean.
var Features = map[Feature]string{
	Calls:        "the server owns calls (offer/answer, causes, transfer, call records)",
	Media:        "the server relays the sound of calls",
	Trunks:       "trunks with dialects, health and registrations of their own",
	Messages:     "message waiting",
	Lamps:        "dialog-info, presence and shared lines",
	Provisioning: "configuration files for phones",
	Resync:       "restart and reload of phones by NOTIFY",
	Remote:       "Cisco's enterprise extensions",
}

// Family is one kind of device.
type Family struct {
	Name       string      `yaml:"-" json:"name"`
	Title      string      `yaml:"title" json:"title"`
	Role       Role        `yaml:"role" json:"role"`
	Note       string      `yaml:"note,omitempty" json:"note,omitempty"`
	Behaviours []Behaviour `yaml:"behaviours" json:"behaviours"`
}

// Behaviour is one row.
type Behaviour struct {
	ID       string     `yaml:"id" json:"id"`
	Does     string     `yaml:"does" json:"does"`     // what the device sends or expects
	Server   string     `yaml:"server" json:"server"` // what the server has to do
	Evidence []Evidence `yaml:"evidence" json:"evidence"`
	Source   []string   `yaml:"source" json:"source"`
	Run      []Case     `yaml:"run,omitempty" json:"run,omitempty"`
	Open     string     `yaml:"open,omitempty" json:"open,omitempty"` // what of Server no case checks yet
	WaitsFor Feature    `yaml:"waits_for,omitempty" json:"waits_for,omitempty"`
	Beside   []string   `yaml:"beside,omitempty" json:"beside,omitempty"`   // tests beside the code that check it meanwhile
	NotYet   string     `yaml:"not_yet,omitempty" json:"not_yet,omitempty"` // why it is not run though the server may have what it waits for
	Nothing  string     `yaml:"nothing,omitempty" json:"nothing,omitempty"` // why there is nothing to run

	Family *Family `yaml:"-" json:"-"`
}

// Seen says whether nothing of the row rests on lineage or memory.
func (b *Behaviour) Seen() bool {
	return !slices.ContainsFunc(b.Evidence, func(e Evidence) bool { return !e.Seen() })
}

// Story is what a whole device does, from its start to the end of a call. The
// devices are those of package device.
type Story struct {
	Device string `yaml:"device" json:"device"`
	Tells  string `yaml:"tells" json:"tells"` // name of one of the stories of package suite
}

// Case is one exchange with the server. Exactly one of Pass, Register, Offer,
// Story and Steps is there.
type Case struct {
	Name     string            `yaml:"name,omitempty" json:"name,omitempty"`
	WaitsFor Feature           `yaml:"waits_for,omitempty" json:"waits_for,omitempty"` // of this case alone; against a server without it the row is tried in part
	Over     map[string]string `yaml:"over,omitempty" json:"over,omitempty"`           // device to transport; udp when not named
	Pass     *Pass             `yaml:"pass,omitempty" json:"pass,omitempty"`
	Register *Register         `yaml:"register,omitempty" json:"register,omitempty"`
	Offer    *Offer            `yaml:"offer,omitempty" json:"offer,omitempty"`
	Story    *Story            `yaml:"story,omitempty" json:"story,omitempty"`
	Steps    []Step            `yaml:"steps,omitempty" json:"steps,omitempty"`
}

// Pass has the gateway, or a server that is trusted, send a request to a registered phone,
// which answers 200.
// The phone must get the given lines octet for octet, and From, Call-ID and
// CSeq of the answer must be those that were sent.
type Pass struct {
	Server  bool     `yaml:"server,omitempty" json:"server,omitempty"` // by a server that is trusted and is no gateway
	Method  string   `yaml:"method,omitempty" json:"method,omitempty"` // OPTIONS when not given
	Lines   []string `yaml:"lines,omitempty" json:"lines,omitempty"`
	Without []string `yaml:"without,omitempty" json:"without,omitempty"`
	Before  string   `yaml:"before,omitempty" json:"before,omitempty"` // bytes in front of the message
	Type    string   `yaml:"type,omitempty" json:"type,omitempty"`
	Body    string   `yaml:"body,omitempty" json:"body,omitempty"`
	BodyHex string   `yaml:"body_hex,omitempty" json:"body_hex,omitempty"`
	Gets    *string  `yaml:"gets,omitempty" json:"gets,omitempty"` // the body that must arrive, when another
	Sees    []string `yaml:"sees,omitempty" json:"sees,omitempty"` // instead of the lines
	URI     string   `yaml:"uri,omitempty" json:"uri,omitempty"`   // Request-URI that must arrive
}

// Register has a phone register in its own words: the text is sent, challenged,
// and sent again with the credentials line. The 200 must name the contact as
// the phone wrote it, and a request to the user must reach the phone as called.
type Register struct {
	Text        string `yaml:"text" json:"text"`
	Credentials string `yaml:"credentials,omitempty" json:"credentials,omitempty"` // a header line; the usual one when not given
	Contact     string `yaml:"contact,omitempty" json:"contact,omitempty"`
	Called      string `yaml:"called,omitempty" json:"called,omitempty"`
	Contacts    int    `yaml:"contacts,omitempty" json:"contacts,omitempty"` // how many the 200 must name; 1 when not given
	Date        bool   `yaml:"date,omitempty" json:"date,omitempty"`         // the 200 must have one
}

// Offer has a device call with a description. The other side answers with plain
// G.711; what the caller is answered must fit.
type Offer struct {
	By    string   `yaml:"by,omitempty" json:"by,omitempty"` // gateway, when not given, or phone
	SDP   string   `yaml:"sdp" json:"sdp"`
	Match []string `yaml:"match,omitempty" json:"match,omitempty"` // regular expressions, in the answer
	Lacks []string `yaml:"lacks,omitempty" json:"lacks,omitempty"`
	Again []Offer  `yaml:"again,omitempty" json:"again,omitempty"` // re-INVITEs of the caller; By is not used
}

// Step is one thing a device does. Who is gateway, phone, second (phone),
// stranger or operator, who runs the server; exactly one of the others is there.
type Step struct {
	Who      string        `yaml:"who" json:"who"`
	Operate  *Operate      `yaml:"operate,omitempty" json:"operate,omitempty"`   // of the operator
	Boot     string        `yaml:"boot,omitempty" json:"boot,omitempty"`         // family of package boot: it fetches its files and registers with what they hold
	Fetch    *Fetch        `yaml:"fetch,omitempty" json:"fetch,omitempty"`       // one file
	Ask      *Request      `yaml:"ask,omitempty" json:"ask,omitempty"`           // sent, again with credentials when challenged, and granted
	Call     *Request      `yaml:"call,omitempty" json:"call,omitempty"`         // INVITE, sent again with credentials when challenged
	Talk     *Talk         `yaml:"talk,omitempty" json:"talk,omitempty"`         // sound
	Register *struct{}     `yaml:"register,omitempty" json:"register,omitempty"` // an ordinary registration
	Send     *Request      `yaml:"send,omitempty" json:"send,omitempty"`
	Bytes    string        `yaml:"bytes,omitempty" json:"bytes,omitempty"` // sent as they are
	Wait     *Wait         `yaml:"wait,omitempty" json:"wait,omitempty"`
	Answer   *Answer       `yaml:"answer,omitempty" json:"answer,omitempty"` // to the request that came last
	Ack      bool          `yaml:"ack,omitempty" json:"ack,omitempty"`       // of the final response that came last
	Quiet    time.Duration `yaml:"quiet,omitempty" json:"quiet,omitempty"`   // for this long nothing that Wait names comes
}

// Operate is what the operator of the server does, by its API.
type Operate struct {
	Do     string            `yaml:"do" json:"do"`                             // method and path, such as PUT /users/{user}/waiting
	Body   string            `yaml:"body,omitempty" json:"body,omitempty"`     // JSON
	Match  []string          `yaml:"match,omitempty" json:"match,omitempty"`   // regular expressions, in the answer; what is looked at is looked at until they match
	Beside bool              `yaml:"beside,omitempty" json:"beside,omitempty"` // the steps go on meanwhile; it must have been done by their end
	Keep   map[string]string `yaml:"keep,omitempty" json:"keep,omitempty"`     // of the answer, as a Wait keeps of a message
	Secret string            `yaml:"secret,omitempty" json:"secret,omitempty"` // device whose password is from now on the first one in the answer
	Undo   string            `yaml:"undo,omitempty" json:"undo,omitempty"`     // method, path and body, if any, that take it back after the case
}

// Fetch is a file a phone asks for.
type Fetch struct {
	Path    string   `yaml:"path" json:"path"`
	Over    string   `yaml:"over,omitempty" json:"over,omitempty"`   // http, when not given, or tftp
	Agent   string   `yaml:"agent,omitempty" json:"agent,omitempty"` // User-Agent
	Match   []string `yaml:"match,omitempty" json:"match,omitempty"`
	Missing bool     `yaml:"missing,omitempty" json:"missing,omitempty"` // it must not be there
}

// Talk has a device send sound or a key to where the description that came last
// wants it, in the first of PCMU and PCMA named there and with the number of
// telephone-event given there, and another one hear it.
type Talk struct {
	To      string   `yaml:"to" json:"to"`                               // who hears
	Tone    float64  `yaml:"tone,omitempty" json:"tone,omitempty"`       // Hz
	Key     string   `yaml:"key,omitempty" json:"key,omitempty"`         // one key, as telephone-event (RFC 4733)
	Hears   int      `yaml:"hears,omitempty" json:"hears,omitempty"`     // number of telephone-event of who hears; 101 when not given
	Info    *Request `yaml:"info,omitempty" json:"info,omitempty"`       // sent instead of the key, by SIP; granted
	Packets []string `yaml:"packets,omitempty" json:"packets,omitempty"` // sent besides, octets of RTP in hex
	Octets  int      `yaml:"octets,omitempty" json:"octets,omitempty"`   // of sound in each packet that is heard
	Mark    string   `yaml:"mark,omitempty" json:"mark,omitempty"`       // the marker bit of the key that is heard: set or clear
	Other   bool     `yaml:"other,omitempty" json:"other,omitempty"`     // sent from another port than the description names
	Nothing bool     `yaml:"nothing,omitempty" json:"nothing,omitempty"` // no tone may be heard
}

// Request is one a device sends: a whole text, or the usual form with lines of
// its own in the place of the usual ones of the same name.
type Request struct {
	Text        string   `yaml:"text,omitempty" json:"text,omitempty"`
	Method      string   `yaml:"method,omitempty" json:"method,omitempty"`
	URI         string   `yaml:"uri,omitempty" json:"uri,omitempty"`
	Lines       []string `yaml:"lines,omitempty" json:"lines,omitempty"`
	Without     []string `yaml:"without,omitempty" json:"without,omitempty"`
	Type        string   `yaml:"type,omitempty" json:"type,omitempty"`
	Body        string   `yaml:"body,omitempty" json:"body,omitempty"`
	BodyHex     string   `yaml:"body_hex,omitempty" json:"body_hex,omitempty"`
	Dialog      bool     `yaml:"dialog,omitempty" json:"dialog,omitempty"`           // within the dialog there is
	Strict      bool     `yaml:"strict,omitempty" json:"strict,omitempty"`           // and routed as RFC 2543 has it
	Credentials string   `yaml:"credentials,omitempty" json:"credentials,omitempty"` // header line that answers the last challenge
}

// Wait is what must come.
type Wait struct {
	Method string            `yaml:"method,omitempty" json:"method,omitempty"` // a request of this method
	Code   string            `yaml:"code,omitempty" json:"code,omitempty"`     // a response: 200, 2xx, final
	Pick   string            `yaml:"pick,omitempty" json:"pick,omitempty"`     // regular expression that tells it from others of its kind
	URI    string            `yaml:"uri,omitempty" json:"uri,omitempty"`       // Request-URI, octet for octet
	Has    []string          `yaml:"has,omitempty" json:"has,omitempty"`       // octets somewhere in it
	Lacks  []string          `yaml:"lacks,omitempty" json:"lacks,omitempty"`
	Match  []string          `yaml:"match,omitempty" json:"match,omitempty"` // regular expressions
	Same   []string          `yaml:"same,omitempty" json:"same,omitempty"`   // header fields equal to those this device sent last
	Header map[string]string `yaml:"header,omitempty" json:"header,omitempty"`
	Body   *string           `yaml:"body,omitempty" json:"body,omitempty"`
	Proves string            `yaml:"proves,omitempty" json:"proves,omitempty"` // the password its credentials must prove (RFC 7616)
	Keep   map[string]string `yaml:"keep,omitempty" json:"keep,omitempty"`     // by name: regular expression with one group, whose text is {kept.NAME} from now on
}

// Answer is a response of a device.
type Answer struct {
	Code   int      `yaml:"code" json:"code"`
	Method string   `yaml:"method,omitempty" json:"method,omitempty"` // of the request, when not the last one
	Reason string   `yaml:"reason,omitempty" json:"reason,omitempty"`
	Lines  []string `yaml:"lines,omitempty" json:"lines,omitempty"`
	Type   string   `yaml:"type,omitempty" json:"type,omitempty"`
	Body   string   `yaml:"body,omitempty" json:"body,omitempty"`
	Tab    bool     `yaml:"tab,omitempty" json:"tab,omitempty"`       // between number and method in CSeq
	Joined bool     `yaml:"joined,omitempty" json:"joined,omitempty"` // all Vias in one line
}
