package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// listed is what "go list -json" tells of one package.
type listed struct {
	ImportPath   string
	Name         string
	Doc          string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Imports,TestImports,XTestImports", "tandem/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// rule says which of our packages those under room may import, and why no
// others. A pattern ending in /... means all below.
type rule struct {
	room   string
	may    []string
	reason string
}

// layers is the table of ARCHITECTURE.md, the first rule that fits counts.
var layers = []rule{
	{"rtc/sip", nil, "messages are the ground floor"},
	{"rtc/sip/torture", nil, "messages as octets, for tests"},
	{"rtc/transport/sieve", nil, "the kernel is told of addresses, not why"},
	{"rtc/transport", []string{"rtc/sip", "rtc/transport/sieve"}, "a transport knows messages, not what they mean"},
	{"rtc/transaction/absorb", nil, "octets by keys, until a time"},
	{"rtc/transaction", []string{"rtc/sip", "rtc/transport", "rtc/transaction/absorb"}, "the stack is built upwards"},
	{"rtc/resolve", []string{"rtc/sip", "rtc/transport"}, "it finds targets; it sends nothing"},
	{"rtc/internal/rows", nil, "stores in memory keep rows, whatever those are"},
	{"rtc/internal/tally", nil, "it counts, whatever that is"},
	{"rtc/internal/keyed", nil, "it checks octets, whatever they mean"},
	{"rtc/internal/rig", []string{"rtc", "rtc/sip", "rtc/transport", "rtc/transaction"}, "tests of user agents stand on it"},
	{"rtc/digest", []string{"rtc/sip"}, "it computes and answers; whom to believe is others' matter"},
	{"rtc/uac", []string{"rtc", "rtc/sip", "rtc/digest", "rtc/transport", "rtc/transaction", "rtc/resolve"}, "it sends requests and knows no dialogs"},
	{"rtc/dialog/table", nil, "it finds dialogs by three texts"},
	{"rtc/dialog", []string{"rtc", "rtc/sip", "rtc/dialog/table", "rtc/digest", "rtc/transport", "rtc/transaction", "rtc/resolve", "rtc/uac", "rtc/internal/keyed"}, "a user agent is a handler on the stack; who sent a request it is told"},
	{"rtc/trace", []string{"rtc/transport"}, "it sees packets go by"},
	{"rtc/directory/sqlstore", []string{"rtc", "rtc/directory", "rtc/store"}, "a room's SQL knows the room and the engine"},
	{"rtc/directory", []string{"rtc", "rtc/sip", "rtc/digest", "rtc/label"}, "users are no matter of signalling; which hashes prove them is"},
	{"rtc/location/sqlstore", []string{"rtc", "rtc/transport", "rtc/location", "rtc/store"}, "a room's SQL knows the room and the engine"},
	{"rtc/location", []string{"rtc", "rtc/sip", "rtc/transport"}, "bindings know flows, not users"},
	{"rtc/store", nil, "an engine knows no room"},
	{"rtc/auth", []string{"rtc", "rtc/sip", "rtc/digest", "rtc/transport", "rtc/transaction", "rtc/directory", "rtc/peers", "rtc/internal/tally"}, "the gate asks who is a user and who a peer"},
	{"rtc/registrar", []string{"rtc", "rtc/sip", "rtc/transport", "rtc/transaction", "rtc/location", "rtc/directory", "rtc/internal/tally"}, "REGISTER ends in the location"},
	{"rtc/strictxml", nil, "it refuses XML that nobody should read, whatever it says"},
	{"rtc/presence/sqlstore", []string{"rtc", "rtc/presence", "rtc/store"}, "a room's SQL knows the room and the engine"},
	{"rtc/presence/pidf", []string{"rtc/strictxml"}, "a document says the same whoever sends it"},
	{"rtc/presence", []string{"rtc", "rtc/sip", "rtc/transport", "rtc/transaction", "rtc/event", "rtc/location", "rtc/policy/consent", "rtc/internal/rows"}, "it joins what is known of users; the notifier tells it, consent says to whom"},
	{"rtc/policy/consent/presrules", []string{"rtc", "rtc/sip", "rtc/contacts/xcap", "rtc/policy/consent"}, "the seam of documents and rules"},
	{"rtc/policy/consent/sqlstore", []string{"rtc", "rtc/policy/consent", "rtc/store"}, "a room's SQL knows the room and the engine"},
	{"rtc/policy/consent", []string{"rtc", "rtc/label"}, "users and watchers are addresses to it"},
	{"rtc/event/reginfo", []string{"rtc", "rtc/event", "rtc/location"}, "an event package joins the notifier and what it tells of"},
	{"rtc/event/confinfo", []string{"rtc", "rtc/event"}, "who is in a conference is told by the call layer"},
	{"rtc/event/sqlstore", []string{"rtc", "rtc/event", "rtc/event/lists", "rtc/event/winfo", "rtc/store"}, "a room's SQL knows the room and the engine"},
	{"rtc/event/lists", []string{"rtc/strictxml"}, "documents are text"},
	{"rtc/event", []string{"rtc", "rtc/sip", "rtc/event/lists", "rtc/transport", "rtc/transaction", "rtc/resolve", "rtc/uac", "rtc/dialog", "rtc/dialog/table", "rtc/reach", "rtc/internal/rows", "rtc/internal/keyed"}, "it keeps subscriptions; what they are about is the packages' matter"},
	{"rtc/qualify", []string{"rtc", "rtc/transport", "rtc/transaction", "rtc/location", "rtc/reach", "rtc/uac"}, "it asks devices; what follows from their silence is others' matter"},
	{"rtc/reach", []string{"rtc", "rtc/sip", "rtc/transport", "rtc/transaction", "rtc/resolve", "rtc/location"}, "it turns bindings into ways; it sends nothing"},
	{"rtc/peers", []string{"rtc", "rtc/sip", "rtc/transport", "rtc/transaction", "rtc/resolve"}, "it tells whose an address is; trunks and routes say who is a peer"},
	{"rtc/proxy", []string{"rtc", "rtc/sip", "rtc/transport", "rtc/transaction", "rtc/resolve", "rtc/reach", "rtc/peers", "rtc/internal/tally", "rtc/internal/keyed"}, "it forwards; who sent it is the gate's matter, bindings are reach's"},
	{"rtc/contacts/xcap", nil, "documents are text"},
	{"rtc/contacts/xcapdiff", []string{"rtc", "rtc/sip", "rtc/event", "rtc/event/lists", "rtc/contacts", "rtc/contacts/xcap"}, "the seam of documents and events"},
	{"rtc/contacts/services", []string{"rtc", "rtc/contacts", "rtc/contacts/xcap", "rtc/event/lists"}, "the seam of documents and the lists that are subscribed to"},
	{"rtc/contacts/card", []string{"rtc/contacts"}, "it reads and writes files of others"},
	{"rtc/contacts/sqlstore", []string{"rtc", "rtc/contacts", "rtc/store"}, "a room's SQL knows the room and the engine"},
	{"rtc/contacts", []string{"rtc", "rtc/sip"}, "contacts name addresses; who may see whom is policy's matter"},
	{"rtc/im/imdn", []string{"rtc/sip"}, "notices are text; who is told is the room's matter"},
	{"rtc/im/kept", []string{"rtc", "rtc/sip"}, "what waits knows nothing of who brings it"},
	{"rtc/im/sqlstore", []string{"rtc", "rtc/im/kept", "rtc/store"}, "a room's SQL knows what is kept and the engine"},
	{"rtc/im", []string{"rtc", "rtc/sip", "rtc/transport", "rtc/transaction", "rtc/resolve", "rtc/location", "rtc/reach", "rtc/peers", "rtc/uac", "rtc/im/imdn", "rtc/im/kept"}, "it sends to devices and keeps; who may write is asked, not known"},
	{"telephony/number", []string{"rtc/sip"}, "numbers are read the same by everybody; they lead nowhere by themselves"},
	{"rtc/prefix", nil, "a table of beginnings, whatever they mean"},
	{"rtc/label", nil, "names are text, whatever they name"},
	{"rtc/policy/sqlstore", []string{"rtc/policy", "rtc/store"}, "a room's SQL knows the room and the engine"},
	{"rtc/policy", []string{"rtc", "rtc/prefix", "rtc/label"}, "what may be done are words to it; those who ask know what they mean"},
	{"gateways/dialect", nil, "what is known of makers is data"},
	{"gateways/registration", []string{"gateways", "rtc/sip", "rtc/digest", "rtc/transport", "rtc/uac"}, "it registers with trunks and leads no calls"},
	{"gateways", []string{"rtc", "rtc/...", "telephony/number", "telephony/q850", "gateways/dialect", "gateways/hours"}, "trunks are on the near side of a call; the call layer asks them"},
	{"pint/sqlstore", []string{"pint", "pint/...", "rtc", "rtc/store", "rtc/store/..."}, "a room's SQL knows the room and the engine"},
	{"pint/party", nil, "a party is what a request says; whom it means is others' matter"},
	{"pint/sdp", nil, "descriptions are text"},
	{"pint/service", nil, "a table of what may be asked for"},
	{"pint/schedule", nil, "names and times"},
	{"pint/machine", nil, "it hears sound; calls are others' matter"},
	{"pint/fetch", nil, "it fetches; who asked is others' matter"},
	{"pint", []string{"rtc", "rtc/...", "pint/..."}, "a front of telephony, which it names by a small interface"},
	{"telephony/rights", []string{"rtc/policy", "telephony/number"}, "the seam of two that do not know each other"},
	{"telephony/dialplan/sqlstore", []string{"telephony/dialplan", "rtc/store"}, "a room's SQL knows the room and the engine"},
	{"telephony/dialplan", []string{"rtc/label"}, "what is dialled is text to it; it names routes and leads nobody there"},
	{"telephony/guard/sqlstore", []string{"telephony/guard", "rtc/store"}, "a room's SQL knows the room and the engine"},
	{"telephony/guard", []string{"gateways/hours", "rtc/label"}, "it counts; whose calls they are it is told"},
	{"gateways/hours", nil, "parts of a week"},
	{"telephony/cdr/export", []string{"telephony/cdr", "telephony/cdr/object"}, "records are written as they are"},
	{"telephony/cdr/object", []string{"telephony/cdr"}, "records are written as they are"},
	{"telephony/cdr", []string{"rtc", "rtc/store"}, "a record names addresses; whose call it was is the call layer's matter"},
	{"telephony/settings/sqlstore", []string{"rtc", "rtc/store", "telephony/settings"}, "a room's SQL knows the room and the engine"},
	{"telephony/settings", []string{"rtc"}, "what users want are words; what follows from them is the call layer's matter"},
	{"telephony/group/sqlstore", []string{"rtc", "rtc/store", "telephony/group"}, "a room's SQL knows the room and the engine"},
	{"telephony/group", []string{"rtc"}, "members are addresses; how they ring is the call layer's matter"},
	{"telephony/feature", nil, "codes are text"},
	{"telephony/conference", []string{"media", "media/mix"}, "rooms of sound; who comes by which call is the call layer's matter"},
	{"telephony/q850", nil, "a table"},
	{"telephony/diversion", []string{"rtc", "rtc/sip"}, "who sent a call on is told in headers; who may is the call layer's matter"},
	{"telephony/enum", nil, "names and records of DNS; who asks is told to it"},
	{"telephony/content", []string{"rtc/dialog", "rtc/sip"}, "what messages hold; whose call it is, is the call layer's matter"},
	{"telephony/login", []string{"gateways", "rtc/digest"}, "credentials and challenges; who is called is told to it"},
	{"telephony/parking", nil, "slots, whatever waits in them"},
	{"telephony/trial", []string{"media", "media/..."}, "a tone and what is heard; it makes no calls"},
	{"telephony/owner", nil, "events in order, whatever they do"},
	{"telephony/identity", []string{"rtc", "rtc/sip", "gateways", "gateways/dialect"}, "headers tell who calls; where the call goes is routing's matter"},
	{"telephony/outcome", []string{"rtc", "rtc/sip", "rtc/dialog", "rtc/uac", "media", "media/sdp", "gateways", "telephony/diversion", "telephony/q850"}, "what a failure means; what follows is the call layer's matter"},
	{"telephony/routing", []string{"rtc", "rtc/...", "media", "gateways", "gateways/dialect", "telephony/..."}, "it decides and leads nobody there: the call layer is above it"},
	{"telephony", []string{"rtc", "rtc/...", "media", "media/...", "gateways", "gateways/dialect", "telephony/..."}, "it leads calls: dialogs on either side, media between, trunks to choose from"},
	{"sipphone/secret", []string{"rtc", "sipphone"}, "it derives; who gets a secret is others' matter"},
	{"sipphone/family", []string{"sipphone", "sipphone/zone"}, "what phones ask for is data; it knows no phone of ours"},
	{"sipphone/inventory", []string{"rtc", "sipphone", "sipphone/family", "sipphone/secret"}, "it keeps phones and gives out no files"},
	{"sipphone/zone", nil, "it knows rules of clocks, no phones"},
	{"sipphone/guard", []string{"sipphone"}, "it counts; who gives files asks it"},
	{"sipphone/phonebook", nil, "it writes what it is given"},
	{"sipphone/workpoint", []string{"rtc/strictxml", "sipphone"}, "it reads and writes messages; who gets what is others' matter"},
	{"sipphone/provision", []string{"rtc", "sipphone", "sipphone/family", "sipphone/secret", "sipphone/guard", "sipphone/inventory", "sipphone/phonebook", "sipphone/workpoint"}, "it decides who gets a file; who has phones is the inventory's matter"},
	{"sipphone/notify", []string{"rtc", "rtc/digest", "rtc/reach", "rtc/uac", "sipphone", "sipphone/family"}, "it sends to phones; it does not decide what"},
	{"sipphone/pnp", []string{"rtc", "rtc/reach", "rtc/sip", "rtc/uac", "sipphone"}, "it tells a URL to whoever looks for one"},
	{"sipphone/features", []string{"rtc", "rtc/event", "rtc/sip"}, "settings are kept elsewhere; it reads and writes what phones say of them"},
	{"sipphone/invite", []string{"rtc"}, "it tells settings to who has the link; who makes devices is told to it"},
	{"sipphone/tftp", []string{"sipphone/provision"}, "a front of the desk that gives files"},
	{"sipphone/appearance", []string{"rtc", "rtc/event", "rtc/sip"}, "it shows what shared lines do; who leads calls tells it"},
	{"sipphone/hotdesk", []string{"rtc", "sipphone", "sipphone/storetest"}, "it judges PINs; who moves lines is told to it"},
	{"sipphone/output", []string{"rtc/sip", "rtc/transport"}, "policies are data, and how they change a message; who sends asks for them"},
	{"sipphone/waiting", []string{"rtc", "rtc/event", "sipphone/output"}, "it counts messages; who has phones is told to it"},
	{"sipphone/sqlstore", []string{"rtc", "sipphone", "sipphone/hotdesk", "sipphone/inventory", "sipphone/waiting", "rtc/store"}, "a room's SQL knows the room and the engine"},
	{"sipphone/storetest", []string{"rtc", "sipphone", "sipphone/inventory", "sipphone/waiting"}, "it checks what keeps phones"},
	{"sipphone", []string{"rtc", "rtc/...", "sipphone/..."}, "phones are devices of users; it leads no calls"},
	{"cmd/tandem/api/phones", []string{"cmd/tandem/api/access", "cmd/tandem/api/operation", "cmd/tandem/api/problem", "rtc", "rtc/directory", "sipphone", "sipphone/..."}, "the operations on phones call their rooms alone"},
	{"rtc", []string{"rtc/sip", "rtc/transport", "rtc/transaction"}, "the words name a request and its way, nothing above"},
	{"media/transcode", []string{"media/codec", "media/codec/conceal", "media/dtmf", "media/jitter"}, "a path joins buffer, decoder, keys and encoder; it sends nothing itself"},
	{"media/negotiation", []string{"media/codec", "media/dtmf", "media/format", "media/route", "media/sdp", "media/sdp/exchange", "media/secure"}, "it decides what is said; who has ports tells it of them"},
	{"media/loop", nil, "addresses, and who names them"},
	{"media/transport", []string{"media/ice", "media/latch", "media/loop", "media/relay", "media/sdp", "media/sdp/exchange", "media/secure"}, "it opens what comes and protects what goes; whose sound it is its owner knows"},
	{"media/route", []string{"media/codec", "media/sdp", "media/sdp/exchange", "media/transcode"}, "what two sides agreed to decides; it sends nothing"},
	{"media/bridge", []string{"media/codec", "media/dtmf", "media/loop", "media/quality", "media/relay", "media/relay/forwarder", "media/rewrite", "media/route", "media/sdp", "media/sdp/exchange", "media/secure", "media/sound", "media/transcode", "media/transport"}, "it carries what was agreed to, however it was; offers and answers are the session's"},
	{"media/ng", []string{"media", "media/..."}, "a control protocol is a front of the media server"},
	{"media/format", nil, "what is known of formats is data"},
	{"media/sdp/exchange", []string{"media/format", "media/sdp"}, "offer and answer of one side; who has ports and keys tells it of them"},
	{"media/sdp/sdptest", []string{"media/sdp", "media/sdp/exchange"}, "descriptions for tests of others"},
	{"media/sdp", []string{"media/format"}, "descriptions are text"},
	{"media/relay/ports", nil, "numbers, given out and taken back"},
	{"media/relay/rtnetlink", nil, "it asks the kernel alone"},
	{"media/relay/forwarder", []string{"media/rewrite"}, "flows by addresses; whose sockets they replace the relay knows"},
	{"media/relay", []string{"media/host", "media/rewrite", "media/relay/..."}, "datagrams and headers, whatever is in them"},
	{"media/internal/rtptest", nil, "packets for tests of others"},
	{"media/latch", nil, "addresses and RTP headers"},
	{"media/rewrite", nil, "it changes RTP headers"},
	{"media/host", nil, "it asks the kernel alone"},
	{"media/mix", []string{"media/codec/resample"}, "sound in, sound out; it needs the rates changed"},
	{"media/codec/conceal", []string{"media/codec/internal/sample"}, "samples in, samples out; it knows no codec"},
	{"media/codec/resample", []string{"media/codec/internal/sample"}, "samples in, samples out; it knows no codec"},
	{"media/codec/internal/sample", nil, "arithmetic"},
	{"media/codec", []string{"media/format"}, "sound in, octets out"},
	{"media/jitter", nil, "it orders packets by number and time alone"},
	{"media/dtmf", nil, "keys, in packets and in sound"},
	{"media/quality", []string{"media/format"}, "it counts"},
	{"media/secure", nil, "it protects what it is given"},
	{"media/ice", nil, "it answers checks"},
	{"media/sound", nil, "files, tones and their measures"},
	{"media", []string{"media/..."}, "media knows nothing of SIP dialogs"},
	{"cmd/tandem/pintroom", []string{"media", "pint", "pint/...", "rtc", "rtc/...", "telephony", "telephony/..."}, "the seam of rooms that do not know each other"},
	{"cmd/tandem/api/problem", nil, "failures are words; who maps those of rooms imports it"},
	{"cmd/tandem/api/access", nil, "who calls is known before anything else is"},
	{"cmd/tandem/api/events", []string{"cmd/tandem/api/access"}, "events have a scope, and no meaning here"},
	{"cmd/tandem/api/audit", nil, "rows are kept whatever they say"},
	{"cmd/tandem/api/outbox", []string{"cmd/tandem/api/events"}, "it delivers events"},
	{"cmd/tandem/api/idempotency", []string{"cmd/tandem/api/access", "cmd/tandem/api/problem"}, "a key belongs to a caller; the request is octets"},
	{"cmd/tandem/api/operation", []string{"cmd/tandem/api/access", "cmd/tandem/api/problem"}, "what operations have in common is of no room"},
	{"cmd/tandem/api/xcap", []string{"cmd/tandem/api/access", "rtc", "rtc/auth", "rtc/contacts", "rtc/contacts/xcap", "rtc/policy/consent", "rtc/policy/consent/presrules"}, "a front of the documents, beside the operations"},
	{"cmd/tandem/api/front", []string{"cmd/tandem/api/access", "cmd/tandem/api/problem"}, "it lets requests in; what they ask is others' matter"},
	{"cmd/tandem/api/client", []string{"cmd/tandem/api/operation", "cmd/tandem/api/problem"}, "it calls operations by path and shape"},
	{"cmd/tandem/api/sqlstore", []string{"cmd/tandem/api/access", "cmd/tandem/api/audit", "cmd/tandem/api/outbox", "cmd/tandem/api/idempotency", "rtc/store", "rtc/store/..."}, "the SQL of these rooms knows them and the engine"},
	{"cmd/tandem/api/presence", []string{"cmd/tandem/api/...", "rtc", "rtc/..."}, "an API noun calls its rooms; those of telephony are others' matter"},
	{"cmd/tandem/api/admin", []string{"cmd/tandem/api/..."}, "the API's own nouns know no other room"},
	{"cmd/tandem/api/callcontrol", []string{"cmd/tandem/api/access", "cmd/tandem/api/operation", "cmd/tandem/api/problem", "telephony"}, "the nouns of one room"},
	{"cmd/tandem/api/settings", []string{"cmd/tandem/api/access", "cmd/tandem/api/operation", "rtc", "rtc/directory", "telephony/settings"}, "the nouns of one room"},
	{"cmd/tandem/api/groups", []string{"cmd/tandem/api/access", "cmd/tandem/api/operation", "rtc", "rtc/directory", "telephony/group", "telephony/number"}, "the nouns of one room"},
	{"cmd/tandem/api/dialling", []string{"cmd/tandem/api/access", "cmd/tandem/api/operation", "cmd/tandem/api/problem", "rtc", "telephony", "telephony/..."}, "the nouns of one room"},
	{"cmd/tandem/api/records", []string{"cmd/tandem/api/access", "cmd/tandem/api/operation", "cmd/tandem/api/problem", "rtc", "telephony/cdr", "telephony/cdr/export"}, "the nouns of one room"},
	{"cmd/tandem/api/trunks", []string{"cmd/tandem/api/access", "cmd/tandem/api/operation", "cmd/tandem/api/problem", "gateways", "gateways/...", "rtc", "telephony", "telephony/cdr"}, "the nouns of one room"},
	{"cmd/tandem/certs", []string{"cmd/tandem/config"}, "it makes certificates; who shows them to whom is the listeners' matter"},
	{"cmd/tandem/datafolder", []string{"cmd/tandem/api/sqlstore", "cmd/tandem/config", "gateways/sqlstore", "pint/sqlstore", "rtc/...", "sipphone/sqlstore", "telephony/..."}, "database and key lie there; what is in the tables is the rooms' matter"},
	{"cmd/tandem/dialroom", []string{"cmd/tandem/api/access", "cmd/tandem/api/admin", "cmd/tandem/api/audit", "cmd/tandem/api/operation", "cmd/tandem/config", "rtc", "rtc/directory", "rtc/resolve", "rtc/sip", "rtc/store", "telephony/..."}, "the seam of rooms that do not know each other"},
	{"cmd/tandem/lamps", []string{"rtc", "rtc/...", "sipphone/appearance", "telephony", "telephony/feature"}, "the seam of calls and those who watch lines"},
	{"cmd/tandem/people", []string{"rtc", "rtc/...", "telephony/..."}, "the seam of rooms that do not know each other"},
	{"cmd/tandem/process", []string{"cmd/tandem/config", "cmd/tandem/web"}, "it keeps within limits, whatever the process does"},
	{"cmd/tandem/phonefiles", []string{"cmd/tandem/api/front", "cmd/tandem/certs", "cmd/tandem/config", "cmd/tandem/web", "rtc/transport", "sipphone", "sipphone/..."}, "it listens; who gets which file is the desk's matter"},
	{"cmd/tandem/phoneroom", []string{"cmd/tandem/api/access", "cmd/tandem/api/admin", "cmd/tandem/api/operation", "cmd/tandem/api/phones", "cmd/tandem/certs", "cmd/tandem/config", "cmd/tandem/phonefiles", "gateways/dialect", "rtc", "rtc/...", "sipphone", "sipphone/...", "telephony", "telephony/..."}, "the seam of rooms that do not know each other"},
	{"cmd/tandem/web", []string{"cmd/tandem/api/access", "cmd/tandem/api/front", "cmd/tandem/certs", "cmd/tandem/config"}, "it listens; what is asked is the handlers' matter"},
	{"cmd", []string{"..."}, "cmd composes all rooms"},
	{"interop/report", []string{"interop/behaviour"}, "the forms of a run know nothing of how it ran"},
	{"interop/story", []string{"media/sound"}, "what telephones do with each other, whoever plays it"},
	{"interop/process", nil, "programs are started and heard, whatever they are"},
	{"interop/phones", []string{"interop/process", "interop/story", "cmd/tandem/softphone", "media/sound"}, "telephones of others, which share nothing with the server"},
	{"interop/peers", []string{"..."}, "it drives the built server and programs of others"},
	{"interop", []string{"interop/...", "media/sound"}, "devices are played byte for byte, by code that shares nothing with the server"},
	{"test", []string{"..."}, "tests of the whole may look at everything"},
}

// foreign says which outside modules only some rooms may use.
var foreign = []struct {
	prefix, reason string
	rooms          []string
}{
	{"github.com/emiago/", "our server never is its own test partner: sipgo and diago are the independent clients", []string{"cmd/tandem/softphone", "cmd/tandem/demo", "cmd/tandem/gatewaysim", "cmd/tandem", "interop", "test"}},
	{"modernc.org/sqlite", "SQL stays in the store", []string{"rtc/store"}},
	{"database/sql", "SQL stays in the store and in the sqlstore of a room", []string{"rtc/store", "*/sqlstore"}},
	{"github.com/pion/", "media libraries stay with the media", []string{"media", "cmd/tandem/softphone", "cmd/tandem/gatewaysim", "interop", "test"}},
	{"github.com/zaf/g711", "media libraries stay with the media", []string{"media", "cmd/tandem/softphone", "cmd/tandem/gatewaysim", "interop", "test"}},
	{"rsc.io/qr", "one package draws QR codes", []string{"sipphone/invite"}},
	{"github.com/pin/tftp", "one package speaks TFTP", []string{"sipphone/tftp"}},
	{"github.com/nyaruka/", "one package reads telephone numbers", []string{"telephony/number"}},
	{"github.com/spf13/", "only the command line parses command lines", []string{"cmd"}},
	{"github.com/prometheus/", "rooms count, the server exposes", []string{"cmd"}},
	{"github.com/gopacket/", "captures are read where they are learned from", []string{"interop/learn"}},
	{"github.com/danielgtaylor/huma", "rooms know no HTTP; the API calls them", []string{"cmd/tandem/api"}},
	{"github.com/go-chi/", "rooms know no HTTP; the API calls them", []string{"cmd/tandem/api"}},
}

func TestLayers(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "tandem/")
		i := slices.IndexFunc(layers, func(r rule) bool { return under(name, r.room) })
		if i < 0 {
			t.Errorf("%s stands in no known room; add a rule to layers and to ARCHITECTURE.md, or move it", name)
			continue
		}
		for _, imp := range p.Imports {
			if ours, ok := strings.CutPrefix(imp, "tandem/"); ok {
				if !allowed(ours, layers[i]) && !under(ours, layers[i].room) {
					t.Errorf("%s imports %s: %s", name, ours, layers[i].reason)
				}
				continue
			}
			for _, f := range foreign {
				if strings.HasPrefix(imp, f.prefix) && !slices.ContainsFunc(f.rooms, func(r string) bool { return under(name, r) }) {
					t.Errorf("%s imports %s: %s", name, imp, f.reason)
				}
			}
		}
	}
}

func under(name, room string) bool {
	if tail, ok := strings.CutPrefix(room, "*"); ok {
		return strings.HasSuffix(name, tail)
	}
	if room == "rtc" {
		return name == room // the words alone; its sub-packages have rules of their own
	}
	return name == room || strings.HasPrefix(name, room+"/")
}

func allowed(imp string, r rule) bool {
	return slices.ContainsFunc(r.may, func(m string) bool {
		if base, ok := strings.CutSuffix(m, "..."); ok {
			return strings.HasPrefix(imp, base)
		}
		return imp == m
	})
}

func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + path.Base(p.ImportPath) + " "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s: its package comment does not begin with %q", p.ImportPath, want)
		}
	}
}

// TestDevicesShareNothing: what plays devices has nothing of the server in it,
// however far down, and no library that words messages for it.
func TestDevicesShareNothing(t *testing.T) {
	for _, p := range []string{"tandem/interop/suite", "tandem/interop/story", "tandem/interop/device", "tandem/interop/voice", "tandem/interop/wire", "tandem/interop/behaviour"} {
		out, err := exec.Command("go", "list", "-deps", p).Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for dep := range strings.Lines(string(out)) {
			dep = strings.TrimSpace(dep)
			if strings.HasPrefix(dep, "tandem/rtc") || strings.HasPrefix(dep, "github.com/emiago/") {
				t.Errorf("%s depends on %s", p, dep)
			}
		}
	}
}
